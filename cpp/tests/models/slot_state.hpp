// What the model of the ring's slots is made of: the state, who takes part, and what may be wrong with the protocol.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace framehop::models {

using u8 = std::uint8_t;

inline constexpr u8 kSlots = 2;
inline constexpr u8 kMostReaders = 3;
inline constexpr u8 kMostTickets = 2;
inline constexpr u8 kHalfWritten = 255;

inline constexpr const char* kWrongPixels = "a reader sees other pixels than those it leased";
inline constexpr const char* kLostWake = "the writer sleeps beside a free slot, and nobody will ring";
inline constexpr const char* kOverQuota = "taps pin more slots than their quota";
inline constexpr const char* kStarved = "a tap that pins nothing finds no ticket, though one is kept for it";
inline constexpr const char* kLeaked = "all is quiet, and a slot or a ticket is not free";

// What is wrong with the protocol.
enum class Fault {
    none,
    silent_reclaim,    // the host rings only when a lease that it took back freed a slot
    sleep_uncompared,  // the writer sleeps without comparing the bell with its sample
    reused_place,      // a living reader's place is given to another
    unchecked_lease,   // a lease looks at the slot's state, and not at its generation
    early_ticket,      // a tap gives its ticket back before its lease's bit
    unkept_ticket,     // no ticket is kept for anybody
    half_reclaim,      // the host takes back leases, and no tickets
};

enum class SlotIs : u8 { free, filling, ready };

struct Slot {
    SlotIs is;
    u8 generation;
    u8 leases;
    u8 pixels;  // the generation whose pixels are in memory
    [[nodiscard]] bool reusable() const { return is == SlotIs::free && leases == 0; }
};

struct Ticket {
    u8 user;
    u8 kept;
};

enum class WriterAt : u8 { idle, sample, scan, compare, asleep, half, whole, ending, dead, adopting };

struct Writer {
    WriterAt at;
    u8 slot;
    u8 changed;  // whether the bell differs from the sample, which is all that is ever asked of it
    u8 woken;
    u8 made;
};

enum class ReaderAt : u8 { idle, ticket, lease, look, look_again, drop, ring, wake, give_back, starved, dead };

struct Reader {
    ReaderAt at;
    u8 place;
    u8 slot;
    u8 generation;
    u8 ticket;  // its number + 1
    u8 scan;    // the next ticket, or while dead the next slot, to look at
    u8 wishes;  // how many leases it will still ask for
    u8 freed;   // while dead: whether the host's reclaim has freed a slot
};

struct State {
    std::array<Slot, kSlots> slots;
    std::array<Ticket, kMostTickets> tickets;
    std::array<Reader, kMostReaders> readers;
    Writer writer;
    u8 waiters;
    u8 kills;
};

struct Cast {
    std::string name;
    std::vector<u8> places;  // of each reader; two of one place are threads of one process
    u8 first_tap;            // the places from here on are taps
    u8 quota;
    bool kept;       // each tap has a ticket kept for it
    u8 generations;  // how many pictures are written
    u8 wishes;
    u8 kills;
};

}  // namespace framehop::models
