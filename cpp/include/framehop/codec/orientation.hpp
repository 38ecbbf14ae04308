// The way a camera was held, which phones and dashcams write beside the picture (Exif 2.32, tag 0x0112).
#pragma once

#include <cstdint>

#include "framehop/base/image_view.hpp"
#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

// The operation that brings the stored pixels upright. The values are Exif's.
enum class Orientation : std::uint8_t {
    upright = 1,
    mirrored = 2,  // left and right
    half_turn = 3,
    flipped = 4,         // top and bottom
    transposed = 5,      // rows become columns
    quarter_turn = 6,    // clockwise
    transverse = 7,      // transposed, then turned by half
    three_quarters = 8,  // clockwise
};

// Reads the orientation from a JPEG's first Exif segment; upright when there is none that can be read. Thread-safe.
[[nodiscard]] Orientation read_orientation(Bytes jpeg) noexcept;

// Whether width and height change places.
[[nodiscard]] constexpr bool is_sideways(Orientation orientation) noexcept {
    return orientation >= Orientation::transposed;
}

[[nodiscard]] constexpr Size turned(Size size, Orientation orientation) noexcept {
    return is_sideways(orientation) ? Size{size.height, size.width} : size;
}

// Puts `rows`, the stored picture's rows from `top` on, upright into `target`. The stored picture is
// turned(target's size, orientation) pixels; both views are RGB. Thread-safe.
void place_rows(const ConstImageView& rows, std::uint32_t top, Orientation orientation,
                const ImageView& target) noexcept;

}  // namespace framehop::codec
