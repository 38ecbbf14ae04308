// For every processor, in the compiler's own vectors.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernels.hpp"
#include "rounding.hpp"

namespace framehop::image {
namespace {

// A pixel and the first value of the next, as one vector.
using Pixel [[gnu::vector_size(4 * sizeof(float))]] = float;

constexpr std::size_t kPart = 64;  // pixels of a row that are resized before they are written; they stay in the cache
using Part = std::array<float, 3 * kPart + 1>;  // a pixel is stored with the first value of the next

void lerp_rows(const std::uint8_t* upper, const std::uint8_t* lower, float weight, float* __restrict row,
               std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        row[k] = static_cast<float>(upper[k]) + static_cast<float>(lower[k] - upper[k]) * weight;
    }
}

void lerp_columns(const float* row, const std::uint32_t* left, const float* weight, Part& out, std::size_t pixels) {
    for (std::size_t x = 0; x < pixels; ++x) {
        Pixel first;
        Pixel second;
        std::memcpy(&first, row + left[x], sizeof first);
        std::memcpy(&second, row + left[x] + 3, sizeof second);
        const Pixel between = first + (second - first) * weight[x];
        std::memcpy(out.data() + 3 * x, &between, sizeof between);
    }
}

// Normalises one channel of interleaved RGB; its elements lie `to_pixel` apart in `out`.
template <class Element>
void write_channel(const Part& rgb, std::size_t channel, const Normalise& normalise, Element* __restrict out,
                   std::size_t to_pixel, std::size_t count) {
    const float scale = normalise.scale[channel];
    const float bias = normalise.bias[channel];
    for (std::size_t x = 0; x < count; ++x) round_to(rgb[3 * x + channel] * scale + bias, out[to_pixel * x]);
}

// `to_channel`: elements from one channel to the next; `to_pixel`: from one pixel to the next.
template <class Element>
void write_row(const float* row, const Taps& taps, const Normalise& normalise, Element* out, std::size_t to_channel,
               std::size_t to_pixel) {
    Part part;
    for (std::size_t x = 0; x < taps.pixels; x += kPart) {
        const std::size_t count = std::min(kPart, taps.pixels - x);
        lerp_columns(row, taps.left.data() + x, taps.weight.data() + x, part, count);
        for (std::size_t c = 0; c < 3; ++c) {
            const std::size_t place = normalise.swap_red_blue ? 2 - c : c;
            write_channel(part, c, normalise, out + place * to_channel + x * to_pixel, to_pixel, count);
        }
    }
}

template <class Element>
void write_planes(const float* row, const Taps& taps, const Normalise& normalise, Element* out, std::size_t plane) {
    write_row(row, taps, normalise, out, plane, 1);
}

template <class Element>
void write_interleaved(const float* row, const Taps& taps, const Normalise& normalise, Element* out, std::size_t) {
    write_row(row, taps, normalise, out, 1, 3);
}

}  // namespace

const Kernels kBaselineKernels{
    .lerp_rows = lerp_rows,
    .floats = {write_planes<float>, write_interleaved<float>},
    .halves = {write_planes<Half>, write_interleaved<Half>},
    .bytes = {write_planes<std::uint8_t>, write_interleaved<std::uint8_t>},
};

}  // namespace framehop::image
