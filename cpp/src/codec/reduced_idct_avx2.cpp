// The inverse cosine transform to fewer samples than coefficients.
#ifdef __x86_64__

#include "idct_avx2.hpp"

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::codec::avx2 {
namespace {

// One dimension of the transform to half a side. Row 4 counts for nothing.
template <int bits>
FRAMEHOP_AVX2 inline void idct_4_pass(const __m256i (&x)[8], __m256i (&out)[4]) {
    const Wide dc = shifted<kFractionBits + 1>(x[0]);
    const Wide turned = products(x[2], x[6], pair_of(fixed(1.847759065), -fixed(0.765366865)));
    const Wide inner = products(x[1], x[3], pair_of(fixed(1.061594337), -fixed(2.172734803))) +
                       products(x[5], x[7], pair_of(fixed(1.451774981), -fixed(0.211164243)));
    const Wide outer = products(x[1], x[3], pair_of(fixed(2.562915447), fixed(0.899976223))) +
                       products(x[5], x[7], pair_of(-fixed(0.601344887), -fixed(0.509795579)));
    const Wide sum = dc + turned;
    const Wide difference = dc - turned;
    out[0] = rounded<bits>(sum + outer);
    out[1] = rounded<bits>(difference + inner);
    out[2] = rounded<bits>(difference - inner);
    out[3] = rounded<bits>(sum - outer);
}

FRAMEHOP_AVX2 inline bool idct_4_columns(const BlockPair& pair, __m256i (&out)[4]) {
    DequantisedRows in(pair);
    __m256i rows[8];
    for (std::size_t k = 0; k < kSide; ++k) rows[k] = k == 4 ? _mm256_setzero_si256() : in[k];
    idct_4_pass<kFractionBits - kExtraBits + 1>(rows, out);
    return in.fit();
}

// Turns the four rows of two pairs into eight columns: four numbers of the first pair, then four of the second.
FRAMEHOP_AVX2 inline void columns_of(const __m256i (&first)[4], const __m256i (&second)[4], __m256i (&columns)[8]) {
    const __m256i(*pairs[2])[4] = {&first, &second};
    __m256i by_two[2][4];
    for (std::size_t p = 0; p < 2; ++p) {
        const __m256i(&row)[4] = *pairs[p];
        const __m256i low01 = _mm256_unpacklo_epi16(row[0], row[1]);
        const __m256i high01 = _mm256_unpackhi_epi16(row[0], row[1]);
        const __m256i low23 = _mm256_unpacklo_epi16(row[2], row[3]);
        const __m256i high23 = _mm256_unpackhi_epi16(row[2], row[3]);
        by_two[p][0] = _mm256_unpacklo_epi32(low01, low23);  // columns 0 and 1
        by_two[p][1] = _mm256_unpackhi_epi32(low01, low23);  // 2 and 3
        by_two[p][2] = _mm256_unpacklo_epi32(high01, high23);
        by_two[p][3] = _mm256_unpackhi_epi32(high01, high23);
    }
    for (std::size_t k = 0; k < 4; ++k) {
        columns[2 * k] = _mm256_unpacklo_epi64(by_two[0][k], by_two[1][k]);
        columns[2 * k + 1] = _mm256_unpackhi_epi64(by_two[0][k], by_two[1][k]);
    }
}

// `quarters`: four samples each of rows 0 to 3.
FRAMEHOP_AVX2 inline void store_quarters(__m128i quarters, const Target& target) {
    alignas(16) std::uint8_t bytes[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(bytes), quarters);
    for (std::size_t k = 0; k < 4; ++k) std::memcpy(target.to + k * target.stride, bytes + 4 * k, 4);
}

FRAMEHOP_AVX2 inline bool idct_4x4_pairs(const BlockPair& one, const BlockPair& other) {
    __m256i first[4];
    __m256i second[4];
    const bool first_fits = idct_4_columns(one, first);
    const bool fit = idct_4_columns(other, second) && first_fits;
    __m256i columns[8];
    columns_of(first, second, columns);
    __m256i out[4];  // the columns of the result, as of the input
    idct_4_pass<kFractionBits + kExtraBits + kScaleBits + 1>(columns, out);
    const __m256i low01 = _mm256_unpacklo_epi16(out[0], out[1]);
    const __m256i high01 = _mm256_unpackhi_epi16(out[0], out[1]);
    const __m256i low23 = _mm256_unpacklo_epi16(out[2], out[3]);
    const __m256i high23 = _mm256_unpackhi_epi16(out[2], out[3]);
    const __m256i upper = samples_of(_mm256_unpacklo_epi32(low01, low23), _mm256_unpackhi_epi32(low01, low23));
    const __m256i lower = samples_of(_mm256_unpacklo_epi32(high01, high23), _mm256_unpackhi_epi32(high01, high23));
    store_quarters(_mm256_castsi256_si128(upper), one.targets[0]);
    store_quarters(_mm256_extracti128_si256(upper, 1), one.targets[1]);
    store_quarters(_mm256_castsi256_si128(lower), other.targets[0]);
    store_quarters(_mm256_extracti128_si256(lower, 1), other.targets[1]);
    return fit;
}

// One dimension of the transform to a quarter of a side, of the columns: rows and columns 2, 4 and 6 count for nothing.
FRAMEHOP_AVX2 inline bool idct_2_columns(const BlockPair& pair, __m256i (&out)[2]) {
    DequantisedRows in(pair);
    const Wide dc = shifted<kFractionBits + 2>(in[0]);
    const Wide odd = products(in[1], in[3], pair_of(fixed(3.624509785), -fixed(1.272758580))) +
                     products(in[5], in[7], pair_of(fixed(0.850430095), -fixed(0.720959822)));
    out[0] = rounded<kFractionBits - kExtraBits + 2>(dc + odd);
    out[1] = rounded<kFractionBits - kExtraBits + 2>(dc - odd);
    return in.fit();
}

// The other dimension. Returns for each block, at the lower end of its half: both samples of its first row, and of its
// second.
FRAMEHOP_AVX2 inline __m256i idct_2_rows(const __m256i (&row)[2]) {
    constexpr int kBits = kFractionBits + kExtraBits + kScaleBits + 2;
    const __m256i factors = _mm256_broadcastsi128_si256(
        _mm_setr_epi16(0, fixed(3.624509785), 0, -fixed(1.272758580), 0, fixed(0.850430095), 0, -fixed(0.720959822)));
    const __m256i by_two = _mm256_hadd_epi32(_mm256_madd_epi16(row[0], factors), _mm256_madd_epi16(row[1], factors));
    const __m256i odd = _mm256_hadd_epi32(by_two, by_two);
    const __m256i dc =
        _mm256_srai_epi32(_mm256_slli_epi32(_mm256_unpacklo_epi32(row[0], row[1]), 16), 16 - kFractionBits - 2);
    const __m256i sums = _mm256_unpacklo_epi32(_mm256_add_epi32(dc, odd), _mm256_sub_epi32(dc, odd));
    const __m256i half = _mm256_set1_epi32(1 << (kBits - 1));
    const __m256i kept = _mm256_srai_epi32(_mm256_add_epi32(sums, half), kBits);
    const __m256i words = _mm256_packs_epi32(kept, kept);
    return samples_of(words, words);
}

FRAMEHOP_AVX2 inline void store_sixteenths(__m128i rows, const Target& target) {
    const auto samples = static_cast<std::uint32_t>(_mm_cvtsi128_si32(rows));
    const auto upper = static_cast<std::uint16_t>(samples);
    const auto lower = static_cast<std::uint16_t>(samples >> 16);
    std::memcpy(target.to, &upper, sizeof upper);
    std::memcpy(target.to + target.stride, &lower, sizeof lower);
}

FRAMEHOP_AVX2 inline bool idct_2x2_pair(const BlockPair& pair) {
    __m256i columns[2];
    const bool fit = idct_2_columns(pair, columns);
    const __m256i rows = idct_2_rows(columns);
    store_sixteenths(_mm256_castsi256_si128(rows), pair.targets[0]);
    store_sixteenths(_mm256_extracti128_si256(rows, 1), pair.targets[1]);
    return fit;
}

}  // namespace

FRAMEHOP_AVX2 bool idct_4x4(std::span<const BlockPair> pairs) noexcept {
    bool fit = true;
    for (std::size_t k = 0; k < pairs.size(); k += 2) {
        const BlockPair& one = pairs[k];
        const BlockPair& other = pairs[std::min(k + 1, pairs.size() - 1)];
        if (is_dc_only(one) && is_dc_only(other)) {
            fit &= fill_pair<kSide / 2>(one);
            fit &= fill_pair<kSide / 2>(other);
        } else {
            fit &= idct_4x4_pairs(one, other);
        }
    }
    return fit;
}

FRAMEHOP_AVX2 bool idct_2x2(std::span<const BlockPair> pairs) noexcept {
    bool fit = true;
    for (const BlockPair& pair : pairs) fit &= is_dc_only(pair) ? fill_pair<kSide / 4>(pair) : idct_2x2_pair(pair);
    return fit;
}

bool idct_1x1(std::span<const BlockPair> pairs) noexcept {
    bool fit = true;
    for (const BlockPair& pair : pairs) fit &= fill_pair<1>(pair);
    return fit;
}

}  // namespace framehop::codec::avx2

// NOLINTEND(portability-simd-intrinsics)

#endif
