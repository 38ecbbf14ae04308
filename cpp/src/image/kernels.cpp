#include "kernels.hpp"

#include <cstring>

// No clones under sanitizers: these instrument the resolver that picks a clone, which runs before they are set up.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FRAMEHOP_SIMD [[gnu::target_clones("avx2", "default")]]
#else
#define FRAMEHOP_SIMD
#endif

namespace framehop::image {
namespace {

// A pixel and the first value of the next, as one vector.
using Pixel [[gnu::vector_size(4 * sizeof(float))]] = float;

}  // namespace

FRAMEHOP_SIMD void lerp_rows(const std::uint8_t* upper, const std::uint8_t* lower, float weight, float* __restrict row,
                             std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        row[k] = static_cast<float>(upper[k]) + static_cast<float>(lower[k] - upper[k]) * weight;
    }
}

FRAMEHOP_SIMD void lerp_columns(const float* row, const std::int32_t* left, const std::int32_t* right,
                                const float* weight, float* __restrict out, std::size_t pixels) {
    for (std::size_t x = 0; x < pixels; ++x) {
        Pixel first;
        Pixel second;
        std::memcpy(&first, row + left[x], sizeof first);
        std::memcpy(&second, row + right[x], sizeof second);
        const Pixel between = first + (second - first) * weight[x];
        std::memcpy(out + 3 * x, &between, sizeof between);
    }
}

FRAMEHOP_SIMD void write_interleaved(const float* rgb, const Normalise& normalise, float* __restrict out,
                                     std::size_t pixels) {
    const auto [scale, bias, swap] = normalise;
    const std::size_t first = swap ? 2 : 0;
    for (std::size_t x = 0; x < pixels; ++x) {
        out[3 * x] = rgb[3 * x + first] * scale[0] + bias[0];
        out[3 * x + 1] = rgb[3 * x + 1] * scale[1] + bias[1];
        out[3 * x + 2] = rgb[3 * x + (2 - first)] * scale[2] + bias[2];
    }
}

FRAMEHOP_SIMD void write_planes(const float* rgb, const Normalise& normalise, float* __restrict out, std::size_t plane,
                                std::size_t pixels) {
    for (std::size_t c = 0; c < 3; ++c) {
        const float* channel = rgb + (normalise.swap_red_blue ? 2 - c : c);
        const float scale = normalise.scale[c];
        const float bias = normalise.bias[c];
        float* __restrict to = out + c * plane;
        for (std::size_t x = 0; x < pixels; ++x) to[x] = channel[3 * x] * scale + bias;
    }
}

}  // namespace framehop::image
