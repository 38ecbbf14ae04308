// What the whole and the reduced inverse cosine transforms share, for x86-64 with AVX2: the integers of libjpeg's
// accurate one (jidctint.c, jidctred.c), rounded and saturated where libjpeg-turbo's vector code does it, so that the
// samples are the same. A register holds a row of two blocks, one in each half.
#pragma once

#ifdef __x86_64__

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "baseline_kernels.hpp"

#define FRAMEHOP_AVX2 [[gnu::target("avx2")]]

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::codec::avx2 {

inline constexpr int kFractionBits = 13;  // of the factors
inline constexpr int kExtraBits = 2;      // that the columns keep for the rows
inline constexpr int kScaleBits = 3;      // the transform gives eight times the samples

constexpr int fixed(double factor) {
    return static_cast<int>(factor * (1 << kFractionBits) + (factor < 0 ? -0.5 : 0.5));
}

// A pair of factors for two rows, whose products are added.
FRAMEHOP_AVX2 inline __m256i pair_of(int first, int second) {
    return _mm256_set1_epi32(
        static_cast<int>((static_cast<unsigned>(second) << 16) | (static_cast<unsigned>(first) & 0xFFFFU)));
}

// Numbers of 32 bits: the lower four of each block's row, and the upper four.
struct Wide {
    __m256i low, high;
};

FRAMEHOP_AVX2 inline Wide operator+(Wide a, Wide b) {
    return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}

FRAMEHOP_AVX2 inline Wide operator-(Wide a, Wide b) {
    return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
}

// Returns a * factors.first + b * factors.second.
FRAMEHOP_AVX2 inline Wide products(__m256i a, __m256i b, __m256i factors) {
    return {_mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), factors),
            _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), factors)};
}

template <int bits>
FRAMEHOP_AVX2 inline Wide shifted(__m256i row) {
    const __m256i zero = _mm256_setzero_si256();
    return {_mm256_srai_epi32(_mm256_unpacklo_epi16(zero, row), 16 - bits),
            _mm256_srai_epi32(_mm256_unpackhi_epi16(zero, row), 16 - bits)};
}

template <int bits>
FRAMEHOP_AVX2 inline __m256i rounded(Wide sums) {
    const __m256i half = _mm256_set1_epi32(1 << (bits - 1));
    return _mm256_packs_epi32(_mm256_srai_epi32(_mm256_add_epi32(sums.low, half), bits),
                              _mm256_srai_epi32(_mm256_add_epi32(sums.high, half), bits));
}

// Gives the rows of a pair, multiplied by their steps.
class DequantisedRows {
  public:
    FRAMEHOP_AVX2 explicit DequantisedRows(const BlockPair& pair) : pair_(pair), excess_(_mm256_setzero_si256()) {}

    FRAMEHOP_AVX2 [[nodiscard]] __m256i operator[](std::size_t k) {
        const __m256i row = load(pair_.blocks.values[k]);
        const __m256i sign = _mm256_srai_epi16(row, 15);
        const __m256i upper = _mm256_mulhi_epi16(row, load(pair_.steps.limits[k]));
        excess_ = _mm256_or_si256(excess_, _mm256_xor_si256(upper, sign));
        return _mm256_mullo_epi16(row, load(pair_.steps.steps[k]));
    }
    // Says whether none of the rows so far has a product that is too large.
    FRAMEHOP_AVX2 [[nodiscard]] bool fit() const { return _mm256_testz_si256(excess_, excess_) != 0; }

  private:
    FRAMEHOP_AVX2 static __m256i load(const std::int16_t* row) {
        return _mm256_load_si256(reinterpret_cast<const __m256i*>(row));
    }

    const BlockPair& pair_;
    __m256i excess_;
};

// Samples from -128 to 127 become bytes.
FRAMEHOP_AVX2 inline __m256i samples_of(__m256i first, __m256i second) {
    return _mm256_add_epi8(_mm256_packs_epi16(first, second), _mm256_set1_epi8(-128));
}

// Writes a block that has no coefficient but DC.
template <std::size_t side>
inline bool fill(std::int16_t value, std::int16_t step, const Target& target) noexcept {
    const int dc = value * step;
    const int sample = (dc + (1 << (kScaleBits - 1))) >> kScaleBits;
    for (std::size_t k = 0; k < side; ++k) {
        std::memset(target.to + k * target.stride, std::clamp(sample + 128, 0, 255), side);
    }
    return dc > -kTooLarge && dc < kTooLarge;
}

inline bool is_dc_only(const BlockPair& pair) noexcept { return pair.dc_only[0] && pair.dc_only[1]; }

template <std::size_t side>
inline bool fill_pair(const BlockPair& pair) noexcept {
    const std::int16_t* const values = pair.blocks.values[0];
    const std::int16_t* const steps = pair.steps.steps[0];
    const bool first = fill<side>(values[0], steps[0], pair.targets[0]);
    return fill<side>(values[kSide], steps[kSide], pair.targets[1]) && first;
}

// To a half, a quarter and an eighth of the side of a block.
bool idct_4x4(std::span<const BlockPair> pairs) noexcept;
bool idct_2x2(std::span<const BlockPair> pairs) noexcept;
bool idct_1x1(std::span<const BlockPair> pairs) noexcept;

}  // namespace framehop::codec::avx2

// NOLINTEND(portability-simd-intrinsics)

#endif
