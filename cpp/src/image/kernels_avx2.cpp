// For x86-64 with AVX2 and F16C. Only these functions are compiled for them: code that the linker may share with other
// files must run everywhere, so there is no flag for the whole file.
#ifdef __x86_64__

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels.hpp"

#define FRAMEHOP_AVX2 [[gnu::target("avx2,f16c")]]

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::image {
namespace {

// Eight pixels in four registers: register k has pixel k in its lower half and pixel k + 4 in its upper one, so that
// four of them transpose within the halves. The fourth float of a pixel means nothing.
struct Pixels {
    __m256 pair[4];
};

struct Rgb {
    __m256 channel[3];
};

FRAMEHOP_AVX2 inline __m256 read_bytes(const std::uint8_t* from) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}

FRAMEHOP_AVX2 inline __m256 lerp(__m256 first, __m256 second, __m256 weight) {
    return _mm256_add_ps(first, _mm256_mul_ps(_mm256_sub_ps(second, first), weight));
}

FRAMEHOP_AVX2 void lerp_rows(const std::uint8_t* upper, const std::uint8_t* lower, float weight, float* __restrict row,
                             std::size_t count) {
    const __m256 weights = _mm256_set1_ps(weight);
    std::size_t k = 0;
    for (; k + 8 <= count; k += 8) {
        _mm256_storeu_ps(row + k, lerp(read_bytes(upper + k), read_bytes(lower + k), weights));
    }
    for (; k < count; ++k) {
        row[k] = static_cast<float>(upper[k]) + static_cast<float>(lower[k] - upper[k]) * weight;
    }
}

FRAMEHOP_AVX2 inline __m256 two_pixels(const float* lower, const float* upper) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(lower)), _mm_loadu_ps(upper), 1);
}

template <int k>
FRAMEHOP_AVX2 inline __m256 resized_pair(const float* row, const std::uint32_t* left, __m256 weights) {
    const float* lower = row + left[k];
    const float* upper = row + left[k + 4];
    const __m256 weight = _mm256_permute_ps(weights, k * 0b01'01'01'01);
    return lerp(two_pixels(lower, upper), two_pixels(lower + 3, upper + 3), weight);
}

FRAMEHOP_AVX2 inline Pixels resized(const float* row, const std::uint32_t* left, const float* weight) {
    const __m256 weights = _mm256_loadu_ps(weight);
    return {{resized_pair<0>(row, left, weights), resized_pair<1>(row, left, weights),
             resized_pair<2>(row, left, weights), resized_pair<3>(row, left, weights)}};
}

// Red, green and blue of eight pixels, in their order.
FRAMEHOP_AVX2 inline Rgb transposed(const Pixels& pixels) {
    const __m256 red_green_01 = _mm256_unpacklo_ps(pixels.pair[0], pixels.pair[1]);
    const __m256 red_green_23 = _mm256_unpacklo_ps(pixels.pair[2], pixels.pair[3]);
    const __m256 blue_01 = _mm256_unpackhi_ps(pixels.pair[0], pixels.pair[1]);
    const __m256 blue_23 = _mm256_unpackhi_ps(pixels.pair[2], pixels.pair[3]);
    return {{_mm256_shuffle_ps(red_green_01, red_green_23, 0b01'00'01'00),
             _mm256_shuffle_ps(red_green_01, red_green_23, 0b11'10'11'10),
             _mm256_shuffle_ps(blue_01, blue_23, 0b01'00'01'00)}};
}

// The bytes in the lower 32 bits. A NaN becomes 0: max gives its second operand then.
FRAMEHOP_AVX2 inline __m128i bytes_of(__m128 values) {
    const __m128 clamped = _mm_min_ps(_mm_max_ps(values, _mm_setzero_ps()), _mm_set1_ps(255.0F));
    const __m128i words = _mm_packus_epi32(_mm_cvtps_epi32(clamped), _mm_setzero_si128());
    return _mm_packus_epi16(words, words);
}

FRAMEHOP_AVX2 inline void store4(float* to, __m128 values) { _mm_storeu_ps(to, values); }

FRAMEHOP_AVX2 inline void store4(Half* to, __m128 values) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT));
}

FRAMEHOP_AVX2 inline void store4(std::uint8_t* to, __m128 values) {
    const int bytes = _mm_cvtsi128_si32(bytes_of(values));
    std::memcpy(to, &bytes, sizeof bytes);
}

template <class Element>
FRAMEHOP_AVX2 inline void store8(Element* to, __m256 values) {
    store4(to, _mm256_castps256_ps128(values));
    store4(to + 4, _mm256_extractf128_ps(values, 1));
}

FRAMEHOP_AVX2 inline void store8(float* to, __m256 values) { _mm256_storeu_ps(to, values); }

// What each channel is multiplied by. In registers: a store to floats might change what lies in memory.
struct ChannelNormalise {
    __m256 scale[3];
    __m256 bias[3];
};

FRAMEHOP_AVX2 inline ChannelNormalise by_channel(const Normalise& normalise) {
    ChannelNormalise by;
    for (std::size_t c = 0; c < 3; ++c) {
        by.scale[c] = _mm256_set1_ps(normalise.scale[c]);
        by.bias[c] = _mm256_set1_ps(normalise.bias[c]);
    }
    return by;
}

FRAMEHOP_AVX2 inline __m256 scaled(__m256 values, __m256 scale, __m256 bias) {
    return _mm256_add_ps(_mm256_mul_ps(values, scale), bias);
}

// Writes eight elements to each of `channels`, which are in the picture's order. Without a loop, which some compilers
// leave as one, with all values in memory.
template <class Element>
FRAMEHOP_AVX2 inline void write_block(const Pixels& pixels, const ChannelNormalise& by,
                                      const std::array<Element*, 3>& channels) {
    const Rgb rgb = transposed(pixels);
    store8(channels[0], scaled(rgb.channel[0], by.scale[0], by.bias[0]));
    store8(channels[1], scaled(rgb.channel[1], by.scale[1], by.bias[1]));
    store8(channels[2], scaled(rgb.channel[2], by.scale[2], by.bias[2]));
}

template <class Element>
FRAMEHOP_AVX2 void write_planes(const float* row, const Taps& taps, const Normalise& normalise, Element* out,
                                std::size_t plane) {
    const ChannelNormalise by = by_channel(normalise);
    const std::size_t red = normalise.swap_red_blue ? 2 : 0;
    const std::array<Element*, 3> channels{out + red * plane, out + plane, out + (2 - red) * plane};
    std::size_t x = 0;
    for (; x + kBlock <= taps.pixels; x += kBlock) {
        write_block<Element>(resized(row, taps.left.data() + x, taps.weight.data() + x), by,
                             {channels[0] + x, channels[1] + x, channels[2] + x});
    }
    if (x == taps.pixels) return;
    std::array<std::array<Element, kBlock>, 3> last;
    write_block<Element>(resized(row, taps.left.data() + x, taps.weight.data() + x), by,
                         {last[0].data(), last[1].data(), last[2].data()});
    for (std::size_t c = 0; c < 3; ++c) std::copy_n(last[c].data(), taps.pixels - x, channels[c] + x);
}

// What interleaved pixels are multiplied by, both halves alike, and the order of their channels.
struct PixelNormalise {
    __m256 scale;
    __m256 bias;
    __m256i order;
};

FRAMEHOP_AVX2 inline __m256 twice(const std::array<float, 3>& values) {
    return _mm256_setr_ps(values[0], values[1], values[2], 0, values[0], values[1], values[2], 0);
}

FRAMEHOP_AVX2 inline PixelNormalise by_pixel(const Normalise& normalise) {
    const int red = normalise.swap_red_blue ? 2 : 0;
    return {twice(normalise.scale), twice(normalise.bias), _mm256_setr_epi32(red, 1, 2 - red, 3, red, 1, 2 - red, 3)};
}

FRAMEHOP_AVX2 inline __m256 in_order(__m256 pair, const PixelNormalise& by) {
    return _mm256_permutevar_ps(scaled(pair, by.scale, by.bias), by.order);
}

// Writes eight pixels and one element beyond. Each pixel is stored with one element too many, which the next one
// overwrites: so they are stored in their order.
template <class Element>
FRAMEHOP_AVX2 inline void write_block(const Pixels& pixels, const PixelNormalise& by, Element* out) {
    const __m256 pair0 = in_order(pixels.pair[0], by);
    const __m256 pair1 = in_order(pixels.pair[1], by);
    const __m256 pair2 = in_order(pixels.pair[2], by);
    const __m256 pair3 = in_order(pixels.pair[3], by);
    store4(out, _mm256_castps256_ps128(pair0));
    store4(out + 3, _mm256_castps256_ps128(pair1));
    store4(out + 6, _mm256_castps256_ps128(pair2));
    store4(out + 9, _mm256_castps256_ps128(pair3));
    store4(out + 12, _mm256_extractf128_ps(pair0, 1));
    store4(out + 15, _mm256_extractf128_ps(pair1, 1));
    store4(out + 18, _mm256_extractf128_ps(pair2, 1));
    store4(out + 21, _mm256_extractf128_ps(pair3, 1));
}

template <class Element>
FRAMEHOP_AVX2 void write_interleaved(const float* row, const Taps& taps, const Normalise& normalise, Element* out,
                                     std::size_t) {
    const PixelNormalise by = by_pixel(normalise);
    std::size_t x = 0;
    for (; x + kBlock < taps.pixels; x += kBlock) {
        write_block(resized(row, taps.left.data() + x, taps.weight.data() + x), by, out + 3 * x);
    }
    std::array<Element, 3 * kBlock + 1> last;
    write_block(resized(row, taps.left.data() + x, taps.weight.data() + x), by, last.data());
    std::copy_n(last.data(), 3 * (taps.pixels - x), out + 3 * x);
}

}  // namespace

const Kernels kAvx2Kernels{
    .lerp_rows = lerp_rows,
    .floats = {write_planes<float>, write_interleaved<float>},
    .halves = {write_planes<Half>, write_interleaved<Half>},
    .bytes = {write_planes<std::uint8_t>, write_interleaved<std::uint8_t>},
};

}  // namespace framehop::image

// NOLINTEND(portability-simd-intrinsics)

#endif
