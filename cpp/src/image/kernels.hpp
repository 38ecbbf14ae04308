// The inner loops, compiled for AVX2 and for the baseline and chosen at load time. Both give the same bits: no FMA.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "framehop/image/half.hpp"

namespace framehop::image {

// The floats that the rows of lerp_rows and lerp_columns need after their pixels: lerp_columns works on four floats a
// pixel (one vector), of which the fourth is the next pixel's first.
inline constexpr std::size_t kRowSlack = 1;

// row[k] = upper[k] + (lower[k] - upper[k]) * weight, k < count.
void lerp_rows(const std::uint8_t* upper, const std::uint8_t* lower, float weight, float* row, std::size_t count);

// Interpolates the three floats of every pixel x between the pixels that start at row[left[x]] and row[right[x]].
// `row` and `out` have kRowSlack floats more than their pixels.
void lerp_columns(const float* row, const std::int32_t* left, const std::int32_t* right, const float* weight,
                  float* out, std::size_t pixels);

struct Normalise {
    std::array<float, 3> scale;  // by the model's channel order
    std::array<float, 3> bias;
    bool swap_red_blue;
};

// Normalises interleaved RGB into interleaved output.
void write_interleaved(const float* rgb, const Normalise& normalise, float* out, std::size_t pixels);
// Normalises interleaved RGB into three planes, `plane` floats apart.
void write_planes(const float* rgb, const Normalise& normalise, float* out, std::size_t plane, std::size_t pixels);

// Rounds `count` floats to the nearest element, ties to even. Half: what is too large becomes infinite. Bytes: clamped
// to 0..255, NaN is 0.
void round_to(const float* values, Half* out, std::size_t count);
void round_to(const float* values, std::uint8_t* out, std::size_t count);

}  // namespace framehop::image
