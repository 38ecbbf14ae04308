// For every x86-64 processor: the planes are gathered without AVX2 just as quickly as with it.
#ifdef __x86_64__

#include <emmintrin.h>

#include "kernels.hpp"

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::image {
namespace {

__m128i pair_of(const std::uint8_t* row, std::uint32_t left) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + left));
}

// Four pairs of neighbours, four bytes a channel: red, green, blue and red of the right ones; then green and blue.
struct Four {
    __m128i left;
    __m128i right;
};

Four four_pairs(const std::uint8_t* row, const std::uint32_t* left) {
    const __m128i first = _mm_unpacklo_epi8(pair_of(row, left[0]), pair_of(row, left[1]));
    const __m128i last = _mm_unpacklo_epi8(pair_of(row, left[2]), pair_of(row, left[3]));
    return {_mm_unpacklo_epi16(first, last), _mm_unpackhi_epi16(first, last)};
}

// Takes two times four bytes of each operand.
template <int first, int second>
__m128i picked(__m128i low, __m128i high) {
    constexpr int kPlaces = first | second << 2 | first << 4 | second << 6;
    return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(low), _mm_castsi128_ps(high), kPlaces));
}

// Green and blue of the left neighbours, then of the right ones.
__m128i green_and_blue(const Four& four) {
    constexpr int kPlaces = 1 | 2 << 2 | 0 << 4 | 1 << 6;
    return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(four.left), _mm_castsi128_ps(four.right), kPlaces));
}

void store(std::uint8_t* to, __m128i bytes) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes); }

}  // namespace

template <Colour colour>
void gather_planes(const std::uint8_t* row, const std::uint8_t* next, const std::uint32_t* left, std::size_t blocks,
                   std::uint8_t* gathered) {
    constexpr std::size_t kRed = colour == Colour::rgb ? 0 : 2;
    Prefetch prefetch(next);
    for (; blocks > 0; --blocks, left += kBlockPixels, gathered += kBlockBytes) {
        prefetch.upto(left[kBlockPixels - 1]);
        const Four low = four_pairs(row, left);
        const Four high = four_pairs(row, left + 4);
        const __m128i others_low = green_and_blue(low);
        const __m128i others_high = green_and_blue(high);
        store(gathered + 16 * kRed, picked<0, 3>(low.left, high.left));
        store(gathered + 16, picked<0, 2>(others_low, others_high));
        store(gathered + 16 * (2 - kRed), picked<1, 3>(others_low, others_high));
    }
}

template void gather_planes<Colour::rgb>(const std::uint8_t*, const std::uint8_t*, const std::uint32_t*, std::size_t,
                                         std::uint8_t*);
template void gather_planes<Colour::bgr>(const std::uint8_t*, const std::uint8_t*, const std::uint32_t*, std::size_t,
                                         std::uint8_t*);

}  // namespace framehop::image

// NOLINTEND(portability-simd-intrinsics)

#endif
