#include "kernels.hpp"

#include <bit>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

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

// Adding a number whose last bit is worth what the result's last bit shall be worth makes the addition round, ties to
// even.
constexpr float kRoundsToInteger = 0x1p23F;

#ifdef __x86_64__
[[gnu::target("avx,f16c")]] void round_to_half_f16c(const float* values, Half* out, std::size_t count) {
    std::size_t k = 0;
    for (; k + 8 <= count; k += 8) {
        const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(values + k), _MM_FROUND_TO_NEAREST_INT);
        std::memcpy(out + k, &halves, sizeof halves);
    }
    for (; k < count; ++k) out[k] = half_of(values[k]);
}
#endif

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

void round_to(const float* values, Half* out, std::size_t count) {
#ifdef __x86_64__
    static const bool has_f16c = __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
    if (has_f16c) return round_to_half_f16c(values, out, count);
#endif
    for (std::size_t k = 0; k < count; ++k) out[k] = half_of(values[k]);
}

FRAMEHOP_SIMD void round_to(const float* values, std::uint8_t* __restrict out, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        const float positive = values[k] > 0.0F ? values[k] : 0.0F;
        const float clamped = positive < 255.0F ? positive : 255.0F;
        out[k] = static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(clamped + kRoundsToInteger));
    }
}

}  // namespace framehop::image
