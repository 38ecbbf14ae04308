// The memory of the shared-memory link between one worker and one incarnation of a detector, never used again: two
// queues in one memfd, all of it taken and sealed by the worker before anybody sees it.
#pragma once

#include <cstdint>

#include "framehop/base/unique_fd.hpp"
#include "framehop/shm/mapping.hpp"
#include "shm_queue.hpp"

namespace framehop::hop {

inline constexpr std::uint64_t kChannelMagic = 0x4b4e'494c'4d48'5346;  // "FSHMLINK" as bytes in memory
inline constexpr std::uint32_t kChannelVersion = 1;

// What a detector may have to answer at once, twice over; and 127 answers of as many boxes as one may have, twice the
// default of credits. A worker with more credits that leaves so many unread is disconnected (HopServer::try_reply).
inline constexpr std::uint64_t kToDetectorBytes = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kToWorkerBytes = std::uint64_t{16} << 20;

// What both sides say to each other over the socket: the worker with the memory and its bell, the detector with its
// bell.
struct Handshake {
    std::uint64_t magic = kChannelMagic;
    std::uint32_t version = kChannelVersion;
    std::uint32_t reserved = 0;
};

// Makes the memory. Throws Errc::no_memory, Errc::system.
[[nodiscard]] UniqueFd make_channel_memory();

enum class Side { worker, detector };

// One side's view of the memory. Not thread-safe.
class Channel {
  public:
    // Throws Errc::wrong_layout for memory that is not sealed, not taken, or not of a channel of this version.
    Channel(int memory, Side side);

    QueueWriter out;
    QueueReader in;

  private:
    Channel(shm::Mapping mapping, Side side);
    shm::Mapping mapping_;
};

}  // namespace framehop::hop
