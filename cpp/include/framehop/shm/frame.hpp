// The values that describe a slot: the frame's identity, the picture's shape, and the reference that is passed around.
#pragma once

#include <cstdint>
#include <string>

#include "framehop/base/image_view.hpp"

namespace framehop::shm {

inline constexpr std::size_t kMaxStreamBytes = 128;

// The identity of a frame, and its place in the log.
struct FrameTag {
    std::string stream;
    std::int64_t epoch = 0;  // µs since 1970
    std::int64_t seq = 0;
    std::int32_t partition = 0;
    std::int64_t offset = 0;

    friend bool operator==(const FrameTag&, const FrameTag&) = default;
};

// Throws Errc::invalid_argument for a stream id of 0 or more than 128 bytes, or a negative epoch, seq or partition.
void check(const FrameTag& tag);

struct PictureShape {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t stride = 0;
    PixelFormat format = PixelFormat::rgb8;

    friend bool operator==(const PictureShape&, const PictureShape&) = default;
};

// Whether there is a picture of this shape, and it fits into `slot_bytes`. Shapes come out of shared memory, so this
// must not overflow.
[[nodiscard]] bool fits(const PictureShape& shape, std::uint64_t slot_bytes) noexcept;

// One use of one slot. Generation 0 never names a picture.
struct SlotId {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;

    friend bool operator==(const SlotId&, const SlotId&) = default;
};

// A reference to one published picture, stale once its slot is used again.
struct SlotRef {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t stride = 0;
    PixelFormat format = PixelFormat::rgb8;

    [[nodiscard]] SlotId id() const noexcept { return {slot, generation}; }
    friend bool operator==(const SlotRef&, const SlotRef&) = default;
};

}  // namespace framehop::shm
