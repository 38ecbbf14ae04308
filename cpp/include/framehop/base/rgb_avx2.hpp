// Writes pixels as RGB from a register for each channel, for x86-64 with AVX2.
#pragma once

#ifdef __x86_64__

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

// NOLINTBEGIN(portability-simd-intrinsics): this is the file for one processor

namespace framehop::rgb_avx2 {

inline constexpr std::uint32_t kPixels = 32;  // written at once

using Bytes32 = std::array<std::int8_t, 32>;

// Where the bytes of one channel go in the `part`th third of sixteen pixels, for both halves of a register. The channel
// has its even pixels first, then its odd ones.
constexpr Bytes32 places(std::size_t part, std::size_t channel) {
    constexpr std::size_t kLane = 16;  // bytes of half a register
    Bytes32 found{};
    for (std::size_t k = 0; k < kLane; ++k) {
        const std::size_t at = part * kLane + k;
        const std::size_t pixel = at / 3;
        const std::size_t place = pixel % 2 * 8 + pixel / 2;
        found[k] = at % 3 == channel ? static_cast<std::int8_t>(place) : std::int8_t{-1};  // -1: none, the byte is 0
        found[k + kLane] = found[k];
    }
    return found;
}

inline constexpr std::array<std::array<Bytes32, 3>, 3> kPlaces{{{places(0, 0), places(0, 1), places(0, 2)},
                                                                {places(1, 0), places(1, 1), places(1, 2)},
                                                                {places(2, 0), places(2, 1), places(2, 2)}}};

template <int part, int k>
[[gnu::target("avx2")]] inline __m256i placed(__m256i channel) {
    return _mm256_shuffle_epi8(channel, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kPlaces[part][k].data())));
}

// Returns the `part`th third of the lower sixteen pixels, and of the upper sixteen.
template <int part>
[[gnu::target("avx2")]] inline __m256i third(const __m256i (&rgb)[3]) {
    return _mm256_or_si256(_mm256_or_si256(placed<part, 0>(rgb[0]), placed<part, 1>(rgb[1])), placed<part, 2>(rgb[2]));
}

[[gnu::target("avx2")]] inline void store_bytes(std::uint8_t* to, __m256i bytes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
}

// Writes the 96 bytes of 32 pixels. Each half of a channel has the eight even ones of its sixteen pixels first, then
// the odd.
[[gnu::target("avx2")]] inline void store(const __m256i (&rgb)[3], std::uint8_t* to) {
    const __m256i thirds[3] = {third<0>(rgb), third<1>(rgb), third<2>(rgb)};
    store_bytes(to, _mm256_permute2x128_si256(thirds[0], thirds[1], 0x20));
    store_bytes(to + kPixels, _mm256_permute2x128_si256(thirds[2], thirds[0], 0x30));
    store_bytes(to + std::size_t{2} * kPixels, _mm256_permute2x128_si256(thirds[1], thirds[2], 0x31));
}

}  // namespace framehop::rgb_avx2

// NOLINTEND(portability-simd-intrinsics)

#endif
