// The inner loops, written once per instruction set and chosen at run time. All sets give the same bits: every sum and
// product is rounded by itself, so there is no fused multiply-add, and the component is compiled without contraction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "framehop/image/half.hpp"
#include "framehop/image/simd.hpp"

namespace framehop::image {

// The pixels that a loop takes at once, at most. Taps are there for whole blocks.
inline constexpr std::size_t kBlock = 8;

// The floats that a row needs after its pixels, all 0: an interpolation reads four floats of a pixel, one more than it
// has, and of the pixel after it, also where that is none and its weight 0.
inline constexpr std::size_t kRowSlack = 4;

// Where the pixels of a resized row come from: `left[x]` is the offset in floats of the first of two neighbours in a
// row of the picture, `weight[x]` that of the second one, 0..1. Both are filled up with zeros to whole blocks.
struct Taps {
    std::vector<std::uint32_t> left;
    std::vector<float> weight;
    std::size_t pixels;
};

struct Normalise {
    std::array<float, 3> scale;  // by the picture's channel order
    std::array<float, 3> bias;
    bool swap_red_blue;  // the model's order is BGR
};

// Resizes one row of interleaved RGB, normalises it, and writes it from `out` on. `plane`: elements from one channel to
// the next; unused where pixels are interleaved. Half: what is too large becomes infinite. Bytes: to the nearest, ties
// to even, clamped to 0..255; NaN is 0. Writes nothing but the row's elements.
template <class Element>
using WriteRow = void (*)(const float* row, const Taps& taps, const Normalise& normalise, Element* out,
                          std::size_t plane);

template <class Element>
struct RowWriters {
    WriteRow<Element> planes;
    WriteRow<Element> interleaved;
};

struct Kernels {
    // row[k] = upper[k] + (lower[k] - upper[k]) * weight, k < count.
    void (*lerp_rows)(const std::uint8_t* upper, const std::uint8_t* lower, float weight, float* row,
                      std::size_t count);
    RowWriters<float> floats;
    RowWriters<Half> halves;
    RowWriters<std::uint8_t> bytes;

    [[nodiscard]] const RowWriters<float>& writers(const float*) const noexcept { return floats; }
    [[nodiscard]] const RowWriters<Half>& writers(const Half*) const noexcept { return halves; }
    [[nodiscard]] const RowWriters<std::uint8_t>& writers(const std::uint8_t*) const noexcept { return bytes; }
};

extern const Kernels kBaselineKernels;
#ifdef __x86_64__
extern const Kernels kAvx2Kernels;
#endif
#ifdef __aarch64__
extern const Kernels kNeonKernels;
#endif

// Returns the loops for a level that this processor runs.
[[nodiscard]] const Kernels& kernels_for(Simd level) noexcept;

}  // namespace framehop::image
