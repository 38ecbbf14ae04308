// How the pixels of a picture lie in memory. All that has to know the size of one asks here: ring, messages, binding.
#pragma once

#include <cstdint>
#include <string_view>

namespace framehop {

// The numbers stand in shared memory and in messages, where wire::Encoding has them and 2 is a JPEG.
enum class PixelFormat : std::uint16_t {
    rgb8 = 1,   // [height, width, 3]
    bgr8 = 3,   // [height, width, 3]
    gray8 = 4,  // [height, width]
    i420 = 5,   // 4:2:0: Y [height, width], then U, then V, each of half the sides, rounded up
    nv12 = 6,   // 4:2:0: Y [height, width], then UV [half the height, half the width, 2], rounded up
    bytes = 7,  // no picture: `width` bytes, height 1
};

// Formats come out of shared memory and messages, so they may be none of these.
[[nodiscard]] constexpr bool is_known(PixelFormat format) noexcept {
    switch (format) {
        case PixelFormat::rgb8:
        case PixelFormat::bgr8:
        case PixelFormat::gray8:
        case PixelFormat::i420:
        case PixelFormat::nv12:
        case PixelFormat::bytes:
            return true;
    }
    return false;
}

[[nodiscard]] constexpr std::string_view name(PixelFormat format) noexcept {
    switch (format) {
        case PixelFormat::rgb8:
            return "rgb8";
        case PixelFormat::bgr8:
            return "bgr8";
        case PixelFormat::gray8:
            return "gray8";
        case PixelFormat::i420:
            return "i420";
        case PixelFormat::nv12:
            return "nv12";
        case PixelFormat::bytes:
            return "bytes";
    }
    return "unknown";
}

// Whether colour has planes of its own, of half the sides.
[[nodiscard]] constexpr bool is_subsampled(PixelFormat format) noexcept {
    return format == PixelFormat::i420 || format == PixelFormat::nv12;
}

// Returns the bytes of one pixel in the first plane, where there are several.
[[nodiscard]] constexpr std::uint32_t bytes_per_pixel(PixelFormat format) noexcept {
    return format == PixelFormat::rgb8 || format == PixelFormat::bgr8 ? 3 : 1;
}

// Returns half a side of a picture, rounded up: what the planes of colour have.
[[nodiscard]] constexpr std::uint32_t half_of(std::uint32_t side) noexcept { return side / 2 + side % 2; }

// Returns the bytes of a row without padding. That of a 4:2:0 picture is even, so that two rows of colour make one.
[[nodiscard]] constexpr std::uint64_t row_bytes(PixelFormat format, std::uint32_t width) noexcept {
    return is_subsampled(format) ? std::uint64_t{half_of(width)} * 2 : std::uint64_t{width} * bytes_per_pixel(format);
}

// Returns how many rows of `stride` bytes all planes take together.
[[nodiscard]] constexpr std::uint64_t row_count(PixelFormat format, std::uint32_t height) noexcept {
    return std::uint64_t{height} + (is_subsampled(format) ? half_of(height) : 0);
}

// Whether there is such a picture. Rows of one plane may have padding, those of 4:2:0 and of bytes have none.
[[nodiscard]] constexpr bool is_sound(PixelFormat format, std::uint32_t width, std::uint32_t height,
                                      std::uint32_t stride) noexcept {
    if (!is_known(format) || width == 0 || height == 0) return false;
    const bool is_tight = stride == row_bytes(format, width);
    if (format == PixelFormat::bytes) return is_tight && height == 1;
    return is_subsampled(format) ? is_tight : stride >= row_bytes(format, width);
}

// Returns the bytes of a picture. For sides out of shared memory, ask `fits` of shm/frame.hpp, which cannot overflow.
[[nodiscard]] constexpr std::uint64_t picture_bytes(PixelFormat format, std::uint32_t height,
                                                    std::uint32_t stride) noexcept {
    return row_count(format, height) * stride;
}

}  // namespace framehop
