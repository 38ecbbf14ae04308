// Our own conversion of pictures in 4:2:0 to RGB, for processors that it is written for. It gives the very bits that
// libswscale's vector code gives, in half of the time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "framehop/base/image_view.hpp"

namespace framehop::video {

// Factors of the conversion, as libswscale's vector code rounds them: of 2^13. Samples count eight times.
struct Colours {
    std::int16_t black;  // the luma of black
    std::int16_t luma;
    std::int16_t red_of_v;
    std::int16_t green_of_u;
    std::int16_t green_of_v;
    std::int16_t blue_of_u;
};

// `table`: four factors of 2^16, as sws_getCoefficients returns them. `full_range`: black is 0 and white 255, not 16
// and 235.
[[nodiscard]] Colours colours_of(const int* table, bool full_range) noexcept;

// Three planes of bytes, whose U and V have half of the columns and rows. A stride is in bytes.
struct Planes {
    const std::uint8_t* data[3];
    std::ptrdiff_t stride[3];
};

// Whether this processor has the kernel. Thread-safe.
[[nodiscard]] bool has_colour_kernel() noexcept;

// Writes all of the view, which is of rgb8 and has an even height; each four pixels get the colour of one sample of U
// and V. Reads the planes' rows to their ends and writes the view's, nothing behind them. Thread-safe.
void convert_planes(const Planes& from, const Colours& colours, const ImageView& to) noexcept;

}  // namespace framehop::video
