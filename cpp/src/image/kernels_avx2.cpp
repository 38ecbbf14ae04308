// For x86-64 with AVX2 and F16C. Only these functions are compiled for them: code that the linker may share with other
// files must run everywhere, so there is no flag for the whole file.
#ifdef __x86_64__

#include <immintrin.h>

#include "kernels.hpp"

#define FRAMEHOP_AVX2 [[gnu::target("avx2,f16c")]]

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::image {
namespace {

// The operand of pshufb: for each byte of the result its place among the sixteen, or kNone for 0.
using Mask = std::array<std::uint8_t, 16>;
constexpr std::uint8_t kNone = 0x80;

FRAMEHOP_AVX2 inline __m128i shuffled(__m128i bytes, const Mask& mask) {
    return _mm_shuffle_epi8(bytes, _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask.data())));
}

FRAMEHOP_AVX2 inline __m128i two_pairs(const std::uint8_t* row, const std::uint32_t* left) {
    const __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + left[0]));
    const __m128i second = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + left[1]));
    return _mm_unpacklo_epi64(first, second);
}

FRAMEHOP_AVX2 inline void store_bytes(std::uint8_t* to, __m128i bytes) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
}

// What a vector of interleaved elements takes from the pixels 2 * `pairs` and 2 * `pairs` + 1.
constexpr Mask by_pixel(Colour colour, std::size_t vector, std::size_t pairs) noexcept {
    const Order order = order_of(Layout::nhwc, colour);
    Mask mask{};
    for (std::size_t k = 0; k < 16; ++k) {
        const std::uint8_t from = order[16 * vector + k];
        mask[k] = from / 16 == pairs ? from % 16 : kNone;
    }
    return mask;
}

// Eight elements are of the four pixels that begin with the vector's number times two.
template <Colour colour, std::size_t vector>
FRAMEHOP_AVX2 inline void store_pixels(__m128i first, __m128i second, std::uint8_t* to) {
    static constexpr Mask kFirst = by_pixel(colour, vector, vector);
    static constexpr Mask kSecond = by_pixel(colour, vector, vector + 1);
    store_bytes(to + 16 * vector, _mm_or_si128(shuffled(first, kFirst), shuffled(second, kSecond)));
}

template <Colour colour>
FRAMEHOP_AVX2 void gather_pixels(const std::uint8_t* row, const std::uint8_t* next, const std::uint32_t* left,
                                 std::size_t blocks, std::uint8_t* gathered) {
    Prefetch prefetch(next);
    for (; blocks > 0; --blocks, left += kBlockPixels, gathered += kBlockBytes) {
        prefetch.upto(left[kBlockPixels - 1]);
        const __m128i a = two_pairs(row, left);
        const __m128i b = two_pairs(row, left + 2);
        const __m128i c = two_pairs(row, left + 4);
        const __m128i d = two_pairs(row, left + 6);
        store_pixels<colour, 0>(a, b, gathered);
        store_pixels<colour, 1>(b, c, gathered);
        store_pixels<colour, 2>(c, d, gathered);
    }
}

FRAMEHOP_AVX2 inline __m256 lerp(__m256 first, __m256 second, __m256 weight) {
    return _mm256_add_ps(first, _mm256_mul_ps(_mm256_sub_ps(second, first), weight));
}

// The bytes in the lower 64 bits. A NaN becomes 0: max gives its second operand then.
FRAMEHOP_AVX2 inline __m128i bytes_of(__m256 values) {
    const __m256 clamped = _mm256_min_ps(_mm256_max_ps(values, _mm256_setzero_ps()), _mm256_set1_ps(255.0F));
    const __m256i integers = _mm256_cvtps_epi32(clamped);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(integers), _mm256_extracti128_si256(integers, 1));
    return _mm_packus_epi16(words, words);
}

FRAMEHOP_AVX2 inline void store(float* to, __m256 values) { _mm256_storeu_ps(to, values); }

FRAMEHOP_AVX2 inline void store(Half* to, __m256 values) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT));
}

FRAMEHOP_AVX2 inline void store(std::uint8_t* to, __m256 values) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), bytes_of(values));
}

// In registers: a store to floats might change what lies in memory.
struct BlockNormalise {
    __m256 scale[kVectors];
    __m256 bias[kVectors];
};

FRAMEHOP_AVX2 inline BlockNormalise in_registers(const Normalise& normalise) {
    BlockNormalise block;
    for (std::size_t k = 0; k < kVectors; ++k) {
        block.scale[k] = _mm256_loadu_ps(normalise.scale.data() + 8 * k);
        block.bias[k] = _mm256_loadu_ps(normalise.bias.data() + 8 * k);
    }
    return block;
}

// Sixteen bytes as words: a half has four left neighbours, then their right ones.
FRAMEHOP_AVX2 inline __m256i words_of(const std::uint8_t* from) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

// The left or the right neighbours of eight elements, from words.
template <bool right>
FRAMEHOP_AVX2 inline __m256 floats_of(__m256i words) {
    const __m256i zero = _mm256_setzero_si256();
    return _mm256_cvtepi32_ps(right ? _mm256_unpackhi_epi16(words, zero) : _mm256_unpacklo_epi16(words, zero));
}

// The same from words with signs, times 65536.
template <bool right>
FRAMEHOP_AVX2 inline __m256 large_floats_of(__m256i words) {
    const __m256i zero = _mm256_setzero_si256();
    return _mm256_cvtepi32_ps(right ? _mm256_unpackhi_epi16(zero, words) : _mm256_unpacklo_epi16(zero, words));
}

// `small_weight`: that of the lower row, divided by 65536: the product has the same bits.
template <bool right>
FRAMEHOP_AVX2 inline __m256 between_rows(__m256i upper, __m256i difference, __m256 small_weight) {
    return _mm256_add_ps(floats_of<right>(upper), _mm256_mul_ps(large_floats_of<right>(difference), small_weight));
}

template <bool two_rows, bool two_columns>
FRAMEHOP_AVX2 inline __m256 resized(const std::uint8_t* upper, const std::uint8_t* lower, __m256 small_weight,
                                    const float* weights) {
    const __m256i above = words_of(upper);
    if constexpr (two_rows) {
        const __m256i difference = _mm256_sub_epi16(words_of(lower), above);
        const __m256 left = between_rows<false>(above, difference, small_weight);
        if constexpr (!two_columns) return left;
        return lerp(left, between_rows<true>(above, difference, small_weight), _mm256_loadu_ps(weights));
    }
    const __m256 left = floats_of<false>(above);
    if constexpr (!two_columns) return left;
    return lerp(left, floats_of<true>(above), _mm256_loadu_ps(weights));
}

FRAMEHOP_AVX2 inline __m256 scaled(__m256 values, __m256 scale, __m256 bias) {
    return _mm256_add_ps(_mm256_mul_ps(values, scale), bias);
}

// Without a loop over the vectors, which some compilers leave as one, with all values in memory.
template <bool two_rows, bool two_columns, class Element>
FRAMEHOP_AVX2 void blend_by(const Rows& rows, const float* weights, const Normalise& normalise,
                            const Target<Element>& target, std::size_t blocks) {
    const BlockNormalise by = in_registers(normalise);
    const __m256 weight = _mm256_set1_ps(rows.weight / 65536.0F);
    const std::uint8_t* upper = rows.upper;
    const std::uint8_t* lower = rows.lower;
    auto [first, second, third] = target.vectors;
    for (; blocks > 0; --blocks) {
        store(first, scaled(resized<two_rows, two_columns>(upper, lower, weight, weights), by.scale[0], by.bias[0]));
        store(second, scaled(resized<two_rows, two_columns>(upper + 16, lower + 16, weight, weights + 8), by.scale[1],
                             by.bias[1]));
        store(third, scaled(resized<two_rows, two_columns>(upper + 32, lower + 32, weight, weights + 16), by.scale[2],
                            by.bias[2]));
        upper += kBlockBytes;
        lower += kBlockBytes;
        weights += kBlockElements;
        first += target.step;
        second += target.step;
        third += target.step;
    }
}

// Leaving out a neighbour whose weight is 0 changes no bit: x + (y - x) * 0 is x, as no pixel is -0.
template <class Element>
void blend(const Rows& rows, const Weights& weights, const Normalise& normalise, const Target<Element>& target,
           std::size_t blocks) {
    const bool two_rows = rows.weight != 0.0F;
    if (two_rows && !weights.all_zero) return blend_by<true, true>(rows, weights.values, normalise, target, blocks);
    if (two_rows) return blend_by<true, false>(rows, weights.values, normalise, target, blocks);
    if (!weights.all_zero) return blend_by<false, true>(rows, weights.values, normalise, target, blocks);
    return blend_by<false, false>(rows, weights.values, normalise, target, blocks);
}

}  // namespace

const Kernels kAvx2Kernels{
    .gather = {{{gather_pixels<Colour::rgb>, gather_pixels<Colour::bgr>},
                {gather_planes<Colour::rgb>, gather_planes<Colour::bgr>}}},
    .floats = blend<float>,
    .halves = blend<Half>,
    .bytes = blend<std::uint8_t>,
};

}  // namespace framehop::image

// NOLINTEND(portability-simd-intrinsics)

#endif
