// Widens rows of chroma and converts rows to RGB, for x86-64 with AVX2: the integers of libjpeg (jdsample.c,
// jdcolor.c).
#ifdef __x86_64__

#include <immintrin.h>

#include <cstring>

#include "baseline_kernels.hpp"
#include "framehop/base/rgb_avx2.hpp"

#define FRAMEHOP_AVX2 [[gnu::target("avx2")]]

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::codec {
namespace {

constexpr std::uint32_t kPixels = rgb_avx2::kPixels;  // converted at once
constexpr std::uint32_t kSamples = 16;                // widened at once

FRAMEHOP_AVX2 inline __m256i load(const std::uint8_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

FRAMEHOP_AVX2 inline __m256i words(const std::uint8_t* from) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

FRAMEHOP_AVX2 inline __m256i three_times(__m256i values) {
    return _mm256_add_epi16(values, _mm256_slli_epi16(values, 1));
}

// Sixteen pairs of samples, the left ones in `even`.
FRAMEHOP_AVX2 inline void store_pairs(std::uint8_t* to, __m256i even, __m256i odd) {
    rgb_avx2::store_bytes(to, _mm256_or_si256(even, _mm256_slli_epi16(odd, 8)));
}

// Samples of two rows, the near one weighs three times the far one.
FRAMEHOP_AVX2 inline __m256i between(const std::uint8_t* near, const std::uint8_t* far) {
    return _mm256_add_epi16(three_times(words(near)), words(far));
}

// The even and the odd pixels of 32, as numbers of 16 bits.
struct Words {
    __m256i even, odd;
};

FRAMEHOP_AVX2 inline Words split(__m256i bytes) {
    return {_mm256_and_si256(bytes, _mm256_set1_epi16(0xFF)), _mm256_srli_epi16(bytes, 8)};
}

struct Colours {
    __m256i red, green, blue;
};

// Returns value * factor / 65536, rounded.
FRAMEHOP_AVX2 inline __m256i times(__m256i value, int factor) {
    const __m256i doubled =
        _mm256_mulhi_epi16(_mm256_slli_epi16(value, 1), _mm256_set1_epi16(static_cast<std::int16_t>(factor)));
    return _mm256_srai_epi16(_mm256_add_epi16(doubled, _mm256_set1_epi16(1)), 1);
}

// Returns -0.34414 * cb + 0.28586 * cr, rounded.
FRAMEHOP_AVX2 inline __m256i green_tint(__m256i cb, __m256i cr) {
    constexpr std::uint32_t kOfBlue = 0x10000U - 22'554;
    constexpr std::uint32_t kOfRed = 18'734;
    const __m256i factors = _mm256_set1_epi32(static_cast<int>(kOfRed << 16 | kOfBlue));
    const __m256i half = _mm256_set1_epi32(0x8000);
    const __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(cb, cr), factors);
    const __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(cb, cr), factors);
    return _mm256_packs_epi32(_mm256_srai_epi32(_mm256_add_epi32(low, half), 16),
                              _mm256_srai_epi32(_mm256_add_epi32(high, half), 16));
}

// The factors are 1.402, 0.34414, 0.71414 and 1.772, less what a whole number of times the sample gives.
FRAMEHOP_AVX2 inline Colours colours_of(__m256i y, __m256i cb, __m256i cr) {
    const __m256i middle = _mm256_set1_epi16(128);
    cb = _mm256_sub_epi16(cb, middle);
    cr = _mm256_sub_epi16(cr, middle);
    return {.red = _mm256_add_epi16(y, _mm256_add_epi16(cr, times(cr, 26'345))),
            .green = _mm256_add_epi16(y, _mm256_sub_epi16(green_tint(cb, cr), cr)),
            .blue = _mm256_add_epi16(y, _mm256_add_epi16(_mm256_slli_epi16(cb, 1), times(cb, -14'942)))};
}

// Each points to kPixels samples.
struct YccSamples {
    const std::uint8_t *y, *cb, *cr;
};

FRAMEHOP_AVX2 inline void convert(const YccSamples& samples, std::uint8_t* to) {
    const Words y = split(load(samples.y));
    const Words cb = split(load(samples.cb));
    const Words cr = split(load(samples.cr));
    const Colours even = colours_of(y.even, cb.even, cr.even);
    const Colours odd = colours_of(y.odd, cb.odd, cr.odd);
    const __m256i rgb[3] = {_mm256_packus_epi16(even.red, odd.red), _mm256_packus_epi16(even.green, odd.green),
                            _mm256_packus_epi16(even.blue, odd.blue)};
    rgb_avx2::store(rgb, to);
}

FRAMEHOP_AVX2 inline void convert_grey(const std::uint8_t* luma, std::uint8_t* to) {
    const Words y = split(load(luma));
    const __m256i channel = _mm256_packus_epi16(y.even, y.odd);
    const __m256i rgb[3] = {channel, channel, channel};
    rgb_avx2::store(rgb, to);
}

}  // namespace

FRAMEHOP_AVX2 void upsample_h2v1(const std::uint8_t* row, std::uint32_t count, std::uint8_t* to) noexcept {
    const __m256i one = _mm256_set1_epi16(1);
    const __m256i two = _mm256_set1_epi16(2);
    for (std::uint32_t x = 0; x < count; x += kSamples) {
        const __m256i own = three_times(words(row + x));
        const __m256i left = _mm256_add_epi16(words(row + x - 1), one);
        const __m256i right = _mm256_add_epi16(words(row + x + 1), two);
        store_pairs(to + std::size_t{2} * x, _mm256_srli_epi16(_mm256_add_epi16(own, left), 2),
                    _mm256_srli_epi16(_mm256_add_epi16(own, right), 2));
    }
}

FRAMEHOP_AVX2 void upsample_h2v2(const std::uint8_t* near, const std::uint8_t* far, std::uint32_t count,
                                 std::uint8_t* to) noexcept {
    const __m256i eight = _mm256_set1_epi16(8);
    const __m256i seven = _mm256_set1_epi16(7);
    for (std::uint32_t x = 0; x < count; x += kSamples) {
        const __m256i own = three_times(between(near + x, far + x));
        const __m256i left = _mm256_add_epi16(between(near + x - 1, far + x - 1), eight);
        const __m256i right = _mm256_add_epi16(between(near + x + 1, far + x + 1), seven);
        store_pairs(to + std::size_t{2} * x, _mm256_srli_epi16(_mm256_add_epi16(own, left), 4),
                    _mm256_srli_epi16(_mm256_add_epi16(own, right), 4));
    }
}

FRAMEHOP_AVX2 void replicate_h2v1(const std::uint8_t* row, std::uint32_t count, std::uint8_t* to) noexcept {
    for (std::uint32_t x = 0; x < count; x += kSamples) {
        const __m256i samples = words(row + x);
        store_pairs(to + std::size_t{2} * x, samples, samples);
    }
}

FRAMEHOP_AVX2 void ycc_to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr,
                              std::uint32_t width, std::uint8_t* to) noexcept {
    const std::uint32_t whole = width / kPixels * kPixels;
    for (std::uint32_t x = 0; x < whole; x += kPixels) convert({y + x, cb + x, cr + x}, to + std::size_t{3} * x);
    if (whole == width) return;
    std::uint8_t rest[3UL * kPixels];
    convert({y + whole, cb + whole, cr + whole}, rest);
    std::memcpy(to + std::size_t{3} * whole, rest, std::size_t{3} * (width - whole));
}

FRAMEHOP_AVX2 void grey_to_rgb(const std::uint8_t* luma, std::uint32_t width, std::uint8_t* to) noexcept {
    const std::uint32_t whole = width / kPixels * kPixels;
    for (std::uint32_t x = 0; x < whole; x += kPixels) convert_grey(luma + x, to + std::size_t{3} * x);
    if (whole == width) return;
    std::uint8_t rest[3UL * kPixels];
    convert_grey(luma + whole, rest);
    std::memcpy(to + std::size_t{3} * whole, rest, std::size_t{3} * (width - whole));
}

}  // namespace framehop::codec

// NOLINTEND(portability-simd-intrinsics)

#endif
