// A look at a ring from outside: what its host says of it, without a place in it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "framehop/shm/holders.hpp"
#include "framehop/shm/slot_table.hpp"

namespace framehop::shm {

inline constexpr std::uint64_t kLookMagic = 0x3220'4b4f'4f4c'4846;  // "FHLOOK 2" as bytes on the wire

// A host's answer to an AttachRequest of an onlooker, after which the connection ends.
struct LookReply {
    struct Holder {
        std::int32_t pid = 0;
        std::uint32_t role = 0;
        std::uint32_t leases = 0;
    };
    std::uint64_t magic = kLookMagic;
    std::uint64_t ring_id = 0;
    std::uint64_t slot_bytes = 0;
    std::uint32_t slot_count = 0;
    std::uint32_t tap_quota = 0;
    std::int32_t host = 0;
    std::uint32_t free = 0;
    std::uint32_t filling = 0;
    std::uint32_t ready = 0;
    std::uint32_t pinned = 0;
    std::uint32_t holder_count = 0;
    std::uint32_t formats = 0;  // the bit 1 << n for each PixelFormat n that a slot holds, or held last
    std::uint32_t reserved = 0;
    std::array<Holder, kMaxHolders> holders{};
};
static_assert(sizeof(LookReply) == 64 + kMaxHolders * 12 && std::is_trivially_copyable_v<LookReply>);

// What a host said. `pinned`: slots that hold no picture any more and are leased all the same. `formats`: those of the
// pictures that the slots hold or held last, by their numbers.
struct RingLook {
    std::uint64_t ring_id = 0;
    Geometry geometry;
    pid_t host = 0;
    std::uint32_t free = 0;
    std::uint32_t filling = 0;
    std::uint32_t ready = 0;
    std::uint32_t pinned = 0;
    std::vector<PixelFormat> formats;
    std::vector<HolderInfo> holders;
};

// Makes the answer of the host `host`.
[[nodiscard]] LookReply describe(const Control& control, const SlotTable& table, const std::vector<HolderInfo>& holders,
                                 pid_t host);

// One look under way. Not thread-safe.
class LookCall {
  public:
    // Connects and asks. Throws Errc::system when there is no host, Errc::refused when it is another user's.
    explicit LookCall(std::string path);

    // Returns true once the answer is there, false when `timeout` is over. Throws Errc::wrong_layout for a host that
    // does not understand the question, Errc::system when it hung up.
    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout);
    [[nodiscard]] RingLook look() const;  // once `wait` has returned true

  private:
    std::string path_;
    UniqueFd connection_;
    LookReply reply_;
};

}  // namespace framehop::shm
