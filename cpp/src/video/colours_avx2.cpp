// For x86-64 with AVX2. Only these functions are compiled for it: code that the linker may share with other files must
// run everywhere, so there is no flag for the whole file.
#ifdef __x86_64__

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "colours.hpp"
#include "framehop/base/rgb_avx2.hpp"

#define FRAMEHOP_AVX2 [[gnu::target("avx2")]]

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::video {
namespace {

constexpr std::uint32_t kColumns = rgb_avx2::kPixels;  // converted at once
constexpr int kMiddle = 128 * 8;                       // of a sample of U or V that has no colour

// Sixteen numbers of 16 bits each.
struct Factors {
    __m256i black, luma, red_of_v, green_of_u, green_of_v, blue_of_u;
};

// What sixteen samples of U and V add to two pixels each.
struct Tint {
    __m256i red, green, blue;
};

FRAMEHOP_AVX2 inline Factors spread(const Colours& colours) {
    return {_mm256_set1_epi16(colours.black),      _mm256_set1_epi16(colours.luma),
            _mm256_set1_epi16(colours.red_of_v),   _mm256_set1_epi16(colours.green_of_u),
            _mm256_set1_epi16(colours.green_of_v), _mm256_set1_epi16(colours.blue_of_u)};
}

FRAMEHOP_AVX2 inline __m256i read_chroma(const std::uint8_t* from) {
    const __m256i samples = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    return _mm256_sub_epi16(_mm256_slli_epi16(samples, 3), _mm256_set1_epi16(kMiddle));
}

FRAMEHOP_AVX2 inline Tint tint_of(const std::uint8_t* u_samples, const std::uint8_t* v_samples, const Factors& by) {
    const __m256i u = read_chroma(u_samples);
    const __m256i v = read_chroma(v_samples);
    return {_mm256_mulhi_epi16(v, by.red_of_v),
            _mm256_adds_epi16(_mm256_mulhi_epi16(u, by.green_of_u), _mm256_mulhi_epi16(v, by.green_of_v)),
            _mm256_mulhi_epi16(u, by.blue_of_u)};
}

FRAMEHOP_AVX2 inline __m256i scaled(__m256i samples, const Factors& by) {
    return _mm256_mulhi_epi16(_mm256_sub_epi16(_mm256_slli_epi16(samples, 3), by.black), by.luma);
}

FRAMEHOP_AVX2 inline __m256i channel(__m256i even, __m256i odd, __m256i tint) {
    return _mm256_packus_epi16(_mm256_adds_epi16(even, tint), _mm256_adds_epi16(odd, tint));
}

// Converts 32 pixels of a row.
FRAMEHOP_AVX2 inline void convert_row(const std::uint8_t* luma, const Tint& tint, const Factors& by, std::uint8_t* to) {
    const __m256i samples = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(luma));
    const __m256i even = scaled(_mm256_and_si256(samples, _mm256_set1_epi16(0xFF)), by);
    const __m256i odd = scaled(_mm256_srli_epi16(samples, 8), by);
    const __m256i rgb[3] = {channel(even, odd, tint.red), channel(even, odd, tint.green),
                            channel(even, odd, tint.blue)};
    rgb_avx2::store(rgb, to);
}

// Two rows that share their U and V, as far as they are converted.
struct RowPair {
    const std::uint8_t* luma[2];
    const std::uint8_t* u;
    const std::uint8_t* v;
    std::uint8_t* to[2];

    [[nodiscard]] RowPair at(std::uint32_t column) const noexcept {
        return {.luma = {luma[0] + column, luma[1] + column},
                .u = u + column / 2,
                .v = v + column / 2,
                .to = {to[0] + 3UL * column, to[1] + 3UL * column}};
    }
};

RowPair row_pair(const Planes& from, const ImageView& to, std::uint32_t y) noexcept {
    const std::uint8_t* luma = from.data[0] + y * from.stride[0];
    return {.luma = {luma, luma + from.stride[0]},
            .u = from.data[1] + y / 2 * from.stride[1],
            .v = from.data[2] + y / 2 * from.stride[2],
            .to = {to.row(y), to.row(y + 1)}};
}

// The planes are larger than the caches of a core, and one row is far from the next: a tenth of the time is won.
inline void fetch(const RowPair& rows) noexcept {
    for (const std::uint8_t* samples : {rows.luma[0], rows.luma[1], rows.u, rows.v}) __builtin_prefetch(samples);
}

FRAMEHOP_AVX2 inline void convert_columns(const RowPair& rows, const Factors& by) {
    const Tint tint = tint_of(rows.u, rows.v, by);
    convert_row(rows.luma[0], tint, by, rows.to[0]);
    convert_row(rows.luma[1], tint, by, rows.to[1]);
}

// The last columns, fewer than are converted at once, go through memory of their own: nothing behind them is touched.
FRAMEHOP_AVX2 void convert_rest(const RowPair& rows, std::uint32_t columns, const Factors& by) {
    std::uint8_t samples[4][kColumns] = {};
    std::uint8_t pixels[2][3UL * kColumns];
    for (int k = 0; k < 2; ++k) std::memcpy(samples[k], rows.luma[k], columns);
    std::memcpy(samples[2], rows.u, (columns + 1) / 2);
    std::memcpy(samples[3], rows.v, (columns + 1) / 2);
    convert_columns({.luma = {samples[0], samples[1]}, .u = samples[2], .v = samples[3], .to = {pixels[0], pixels[1]}},
                    by);
    for (int k = 0; k < 2; ++k) std::memcpy(rows.to[k], pixels[k], 3UL * columns);
}

}  // namespace

FRAMEHOP_AVX2 void convert_planes(const Planes& from, const Colours& colours, const ImageView& to) noexcept {
    const Factors by = spread(colours);
    const std::uint32_t whole = to.width / kColumns * kColumns;
    for (std::uint32_t y = 0; y < to.height; y += 2) {
        const RowPair rows = row_pair(from, to, y);
        const RowPair next = row_pair(from, to, std::min(y + 2, to.height - 2));
        for (std::uint32_t x = 0; x < whole; x += kColumns) {
            fetch(next.at(x));
            convert_columns(rows.at(x), by);
        }
        if (whole < to.width) convert_rest(rows.at(whole), to.width - whole, by);
    }
}

}  // namespace framehop::video

// NOLINTEND(portability-simd-intrinsics)

#endif
