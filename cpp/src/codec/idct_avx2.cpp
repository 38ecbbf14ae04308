// The whole inverse cosine transform. Only these functions are compiled for AVX2: code that the linker may share with
// other files must run everywhere, so there is no flag for the whole file.
#ifdef __x86_64__

#include "idct_avx2.hpp"

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::codec {
namespace avx2 {
namespace {

struct Rows8 {
    __m256i row[8];
};

// One dimension of the whole transform, of eight columns side by side.
template <int bits>
FRAMEHOP_AVX2 inline Rows8 idct_8_pass(const Rows8& in) {
    const __m256i(&x)[8] = in.row;
    const Wide sum = shifted<kFractionBits>(_mm256_add_epi16(x[0], x[4]));
    const Wide difference = shifted<kFractionBits>(_mm256_sub_epi16(x[0], x[4]));
    const Wide turned2 = products(x[2], x[6], pair_of(fixed(0.541196100), fixed(0.541196100) - fixed(1.847759065)));
    const Wide turned3 = products(x[2], x[6], pair_of(fixed(0.541196100) + fixed(0.765366865), fixed(0.541196100)));
    const Wide even[4] = {sum + turned3, difference + turned2, difference - turned2, sum - turned3};

    const __m256i sum73 = _mm256_add_epi16(x[7], x[3]);
    const __m256i sum51 = _mm256_add_epi16(x[5], x[1]);
    const Wide z3 = products(sum73, sum51, pair_of(fixed(1.175875602) - fixed(1.961570560), fixed(1.175875602)));
    const Wide z4 = products(sum73, sum51, pair_of(fixed(1.175875602), fixed(1.175875602) - fixed(0.390180644)));
    const Wide odd[4] = {
        products(x[7], x[1], pair_of(-fixed(0.899976223), fixed(1.501321110) - fixed(0.899976223))) + z4,
        products(x[5], x[3], pair_of(-fixed(2.562915447), fixed(3.072711026) - fixed(2.562915447))) + z3,
        products(x[5], x[3], pair_of(fixed(2.053119869) - fixed(2.562915447), -fixed(2.562915447))) + z4,
        products(x[7], x[1], pair_of(fixed(0.298631336) - fixed(0.899976223), -fixed(0.899976223))) + z3,
    };
    Rows8 out;
    for (std::size_t k = 0; k < 4; ++k) {
        out.row[k] = rounded<bits>(even[k] + odd[k]);
        out.row[7 - k] = rounded<bits>(even[k] - odd[k]);
    }
    return out;
}

// Turns the rows of each block into columns.
FRAMEHOP_AVX2 inline Rows8 transposed(const Rows8& in) {
    __m256i a[8];
    __m256i b[8];
    for (std::size_t k = 0; k < 4; ++k) {
        a[2 * k] = _mm256_unpacklo_epi16(in.row[2 * k], in.row[2 * k + 1]);
        a[2 * k + 1] = _mm256_unpackhi_epi16(in.row[2 * k], in.row[2 * k + 1]);
    }
    for (std::size_t k = 0; k < 2; ++k) {
        b[4 * k] = _mm256_unpacklo_epi32(a[4 * k], a[4 * k + 2]);
        b[4 * k + 1] = _mm256_unpackhi_epi32(a[4 * k], a[4 * k + 2]);
        b[4 * k + 2] = _mm256_unpacklo_epi32(a[4 * k + 1], a[4 * k + 3]);
        b[4 * k + 3] = _mm256_unpackhi_epi32(a[4 * k + 1], a[4 * k + 3]);
    }
    Rows8 out;
    for (std::size_t k = 0; k < 4; ++k) {
        out.row[2 * k] = _mm256_unpacklo_epi64(b[k], b[k + 4]);
        out.row[2 * k + 1] = _mm256_unpackhi_epi64(b[k], b[k + 4]);
    }
    return out;
}

FRAMEHOP_AVX2 inline void store_rows(__m128i bytes, std::uint8_t* to, std::uint32_t stride) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), bytes);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + stride), _mm_unpackhi_epi64(bytes, bytes));
}

FRAMEHOP_AVX2 inline bool idct_8x8_pair(const BlockPair& pair) {
    DequantisedRows in(pair);
    Rows8 rows;
    for (std::size_t k = 0; k < kSide; ++k) rows.row[k] = in[k];
    rows = transposed(idct_8_pass<kFractionBits - kExtraBits>(rows));
    rows = transposed(idct_8_pass<kFractionBits + kExtraBits + kScaleBits>(rows));
    const Target& first = pair.targets[0];
    const Target& second = pair.targets[1];
    for (std::size_t k = 0; k < kSide; k += 2) {
        const __m256i bytes = samples_of(rows.row[k], rows.row[k + 1]);
        store_rows(_mm256_castsi256_si128(bytes), first.to + k * first.stride, first.stride);
        store_rows(_mm256_extracti128_si256(bytes, 1), second.to + k * second.stride, second.stride);
    }
    return in.fit();
}

FRAMEHOP_AVX2 bool idct_8x8(std::span<const BlockPair> pairs) noexcept {
    bool fit = true;
    for (const BlockPair& pair : pairs) fit &= is_dc_only(pair) ? fill_pair<kSide>(pair) : idct_8x8_pair(pair);
    return fit;
}

}  // namespace
}  // namespace avx2

InverseDct inverse_dct_to(std::uint32_t side) noexcept {
    switch (side) {
        case 1:
            return avx2::idct_1x1;
        case 2:
            return avx2::idct_2x2;
        case 4:
            return avx2::idct_4x4;
        default:
            return avx2::idct_8x8;
    }
}

}  // namespace framehop::codec

// NOLINTEND(portability-simd-intrinsics)

#endif
