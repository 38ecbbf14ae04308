#include "framehop/shm/layout.hpp"

#include "framehop/base/error.hpp"

namespace framehop::shm {
namespace {

constexpr std::uint64_t whole_pages(std::uint64_t bytes) noexcept {
    return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace

std::uint64_t Geometry::control_bytes() const noexcept {
    return whole_pages(tickets_offset(slot_count) + tap_quota * sizeof(TapTicket));
}

bool Geometry::valid() const noexcept {
    return tap_quota <= kMaxTapQuota && slot_count > tap_quota && slot_count - tap_quota <= kMaxSlots &&
           slot_bytes >= kPageBytes && slot_bytes <= kMaxSlotBytes && slot_bytes % kPageBytes == 0;
}

Geometry plan_geometry(std::uint32_t slots, std::uint64_t slot_bytes, std::uint32_t tap_quota) {
    if (slots < 1 || slots > kMaxSlots || tap_quota > kMaxTapQuota || slot_bytes < 1 || slot_bytes > kMaxSlotBytes) {
        throw Error(Errc::invalid_argument,
                    "a ring has 1 to 4096 slots of 1 byte to 4 GiB and a tap quota of 0 to 256, not " +
                        std::to_string(slots) + " slots of " + std::to_string(slot_bytes) + " bytes and a quota of " +
                        std::to_string(tap_quota));
    }
    return {.slot_count = slots + tap_quota, .tap_quota = tap_quota, .slot_bytes = whole_pages(slot_bytes)};
}

}  // namespace framehop::shm
