// The instruction sets for which the kernel is written. All give the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace framehop::image {

enum class Simd : std::uint8_t {
    baseline,  // what every processor of this architecture has, by the compiler
    avx2,      // AVX2 and F16C
    neon,      // AArch64's
};

// Returns those that this processor runs, the fastest last: baseline is always there. Thread-safe.
[[nodiscard]] std::span<const Simd> simd_levels() noexcept;

[[nodiscard]] std::string_view name(Simd level) noexcept;

}  // namespace framehop::image
