// For every processor, in loops that the compiler turns into vectors.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "kernels.hpp"
#include "rounding.hpp"

namespace framehop::image {
namespace {

using Pairs = std::array<std::uint8_t, kBlockPixels * kPairBytes>;

// Each byte has its own move, with both places known to the compiler.
template <Layout layout, Colour colour, std::size_t... k>
void arrange(const Pairs& pairs, std::uint8_t* gathered, std::index_sequence<k...>) {
    constexpr Order kOrder = order_of(layout, colour);
    ((gathered[k] = pairs[kOrder[k]]), ...);
}

template <Layout layout, Colour colour>
void gather(const std::uint8_t* row, const std::uint8_t* next, const std::uint32_t* left, std::size_t blocks,
            std::uint8_t* gathered) {
    Prefetch prefetch(next);
    Pairs pairs;
    for (; blocks > 0; --blocks, left += kBlockPixels, gathered += kBlockBytes) {
        prefetch.upto(left[kBlockPixels - 1]);
        for (std::size_t x = 0; x < kBlockPixels; ++x) std::memcpy(&pairs[x * kPairBytes], row + left[x], kPairBytes);
        arrange<layout, colour>(pairs, gathered, std::make_index_sequence<kBlockBytes>());
    }
}

#ifndef __x86_64__
template <Colour colour>
constexpr Gather gather_planes = gather<Layout::nchw, colour>;
#endif

constexpr std::size_t kPart = 16;  // blocks that are computed at once: they stay in the nearest cache

using Between = std::array<float, kPart * kBlockBytes>;
using Values = std::array<float, kPart * kBlockElements>;

void lerp_rows(const std::uint8_t* __restrict upper, const std::uint8_t* __restrict lower, float weight,
               Between& __restrict between, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        between[k] = static_cast<float>(upper[k]) + static_cast<float>(lower[k] - upper[k]) * weight;
    }
}

void lerp_columns(const Between& __restrict between, const float* __restrict weights, Values& __restrict values,
                  std::size_t elements) {
    for (std::size_t first = 0; first < elements; first += 4) {
        const float* left = between.data() + 2 * first;
        for (std::size_t k = 0; k < 4; ++k) {
            values[first + k] = left[k] + (left[k + 4] - left[k]) * weights[first + k];
        }
    }
}

template <class Element>
void write_vector(const float* values, const float* scale, const float* bias, Element* __restrict to) {
    for (std::size_t k = 0; k < 8; ++k) round_to(values[k] * scale[k] + bias[k], to[k]);
}

template <class Element>
void write(const Values& values, const Normalise& normalise, const Target<Element>& target, std::size_t first,
           std::size_t count) {
    for (std::size_t block = 0; block < count; ++block) {
        for (std::size_t vector = 0; vector < kVectors; ++vector) {
            write_vector(values.data() + block * kBlockElements + 8 * vector, normalise.scale.data() + 8 * vector,
                         normalise.bias.data() + 8 * vector, target.vectors[vector] + (first + block) * target.step);
        }
    }
}

template <class Element>
void blend(const Rows& rows, const Weights& weights, const Normalise& normalise, const Target<Element>& target,
           std::size_t blocks) {
    Between between;
    Values values;
    for (std::size_t block = 0; block < blocks; block += kPart) {
        const std::size_t count = std::min(kPart, blocks - block);
        lerp_rows(rows.upper + block * kBlockBytes, rows.lower + block * kBlockBytes, rows.weight, between,
                  count * kBlockBytes);
        lerp_columns(between, weights.values + block * kBlockElements, values, count * kBlockElements);
        write(values, normalise, target, block, count);
    }
}

}  // namespace

const Kernels kBaselineKernels{
    .gather = {{{gather<Layout::nhwc, Colour::rgb>, gather<Layout::nhwc, Colour::bgr>},
                {gather_planes<Colour::rgb>, gather_planes<Colour::bgr>}}},
    .floats = blend<float>,
    .halves = blend<Half>,
    .bytes = blend<std::uint8_t>,
};

}  // namespace framehop::image
