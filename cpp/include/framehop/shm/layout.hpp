// The control segment, byte for byte. Processes of a host may have different builds of this library, so any change
// here needs a new kLayoutVersion. A test checks the layout against golden numbers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "framehop/shm/frame.hpp"

namespace framehop::shm {

inline constexpr std::uint64_t kRingMagic = 0x474e'4952'5046'4846;  // "FHFPRING" as bytes in memory
inline constexpr std::uint32_t kLayoutVersion = 2;
inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::uint64_t kPageBytes = 4096;

inline constexpr std::uint32_t kMaxSlots = 4096;
inline constexpr std::uint32_t kMaxTapQuota = 256;
inline constexpr std::uint64_t kMaxSlotBytes = std::uint64_t{1} << 32;

// Written once, before the segment is handed to anybody.
struct alignas(kCacheLine) RingIdentity {
    std::uint64_t magic;
    std::uint32_t layout_version;
    std::uint32_t slot_count;  // pipeline slots + tap_quota
    std::uint64_t slot_bytes;
    std::uint64_t ring_id;
    std::uint32_t tap_quota;
};

// `freed` changes whenever a slot becomes reusable; the kernel is asked to wake sleepers only if `waiters` is not 0.
struct alignas(kCacheLine) FreedBell {
    std::atomic<std::uint32_t> freed;
    std::atomic<std::uint32_t> waiters;
};

struct alignas(kCacheLine) ControlHeader {
    RingIdentity identity;
    FreedBell bell;
    alignas(kCacheLine) std::atomic<std::uint32_t> incarnation;  // of the writer; 0 before the first
    std::atomic<std::uint32_t> written;                          // 1 while a writer is attached; the host says so
};

// A FrameTag that one process writes while others may read: a sequence lock over atomics (tag_cell.hpp).
struct TagCell {
    std::atomic<std::uint64_t> sequence;  // odd while being written
    std::atomic<std::uint64_t> generation;
    std::atomic<std::uint64_t> epoch;
    std::atomic<std::uint64_t> seq;
    std::atomic<std::uint64_t> offset;
    std::atomic<std::uint64_t> partition_and_length;  // partition in the low half, bytes of the stream id in the high
    std::array<std::atomic<std::uint64_t>, kMaxStreamBytes / 8> stream;
};

// Read only under a lease, so it does not change meanwhile; atomic all the same, in case a writer misbehaves.
struct PictureCell {
    std::atomic<std::uint64_t> size;               // width in the low half, height in the high
    std::atomic<std::uint64_t> stride_and_format;  // likewise; a reader that does not know the format finds no picture
};

struct SlotRecord {
    alignas(
        kCacheLine) std::atomic<std::uint64_t> word;  // SlotWord, on a line of its own: leases and polls hit only this
    alignas(kCacheLine) TagCell tag;
    PictureCell picture;
};

// One right of a tap to pin a slot: in the low half who uses it, in the high half whom it is kept for. Each is 0 for
// nobody, else the holder's index + 1.
using TapTicket = std::atomic<std::uint32_t>;

inline constexpr std::size_t kSlotsOffset = sizeof(ControlHeader);
[[nodiscard]] constexpr std::size_t tickets_offset(std::uint32_t slot_count) noexcept {
    return kSlotsOffset + std::size_t{slot_count} * sizeof(SlotRecord);
}

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint64_t>) == 8 && sizeof(TapTicket) == 4);
static_assert(std::is_trivially_copyable_v<RingIdentity> && std::is_standard_layout_v<RingIdentity>);
static_assert(std::is_standard_layout_v<ControlHeader> && std::is_trivially_destructible_v<ControlHeader>);
static_assert(std::is_standard_layout_v<SlotRecord> && std::is_trivially_destructible_v<SlotRecord>);
static_assert(sizeof(RingIdentity) == 64 && offsetof(RingIdentity, slot_bytes) == 16);
static_assert(offsetof(RingIdentity, ring_id) == 24 && offsetof(RingIdentity, tap_quota) == 32);
static_assert(sizeof(ControlHeader) == 192 && offsetof(ControlHeader, bell) == 64);
static_assert(offsetof(ControlHeader, incarnation) == 128 && offsetof(ControlHeader, written) == 132);
static_assert(sizeof(TagCell) == 176 && offsetof(TagCell, stream) == 48);
static_assert(sizeof(SlotRecord) == 256 && offsetof(SlotRecord, tag) == 64 && offsetof(SlotRecord, picture) == 240);

// The numbers that decide where everything lies. They are copied out of shared memory once, after a check.
struct Geometry {
    std::uint32_t slot_count = 0;
    std::uint32_t tap_quota = 0;
    std::uint64_t slot_bytes = 0;

    [[nodiscard]] std::uint64_t pixel_bytes() const noexcept { return slot_count * slot_bytes; }
    [[nodiscard]] std::uint64_t control_bytes() const noexcept;
    [[nodiscard]] std::uint64_t total_bytes() const noexcept { return pixel_bytes() + control_bytes(); }
    // Whether all numbers are in range, so that no sum above can overflow.
    [[nodiscard]] bool valid() const noexcept;
};

// Rounds `slot_bytes` up to whole pages. Throws Errc::invalid_argument naming the ranges.
[[nodiscard]] Geometry plan_geometry(std::uint32_t slots, std::uint64_t slot_bytes, std::uint32_t tap_quota);

}  // namespace framehop::shm
