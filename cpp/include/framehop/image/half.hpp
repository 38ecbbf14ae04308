// IEEE 754 binary16, which NumPy calls float16: the portable conversion, equal to F16C's in every bit but a NaN's
// payload.
#pragma once

#include <bit>
#include <cstdint>

namespace framehop::image {

// The bits of one number.
enum class Half : std::uint16_t {};

// Rounds `value` to the nearest half, ties to even; what is too large becomes infinite.
constexpr Half half_of(float value) noexcept {
    constexpr std::uint32_t kSign = 0x8000'0000;
    constexpr std::uint32_t kInfinite = 0x7F80'0000;
    constexpr std::uint32_t kTooLarge = 0x4780'0000;     // 2^16, above all halves
    constexpr std::uint32_t kNormal = 0x3880'0000;       // 2^-14, the least normal half
    constexpr std::uint32_t kBias = (127U - 15U) << 23;  // between the exponents of the two formats
    constexpr std::uint32_t kBelowTie = 0x0FFF;          // just less than half of the 13 bits that are lost
    // Its last bit is worth 2^-24, the least subnormal half, so that adding it rounds to one.
    constexpr float kRoundsToSubnormal = 0.5F;
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t size = bits & ~kSign;
    // A carry out of the fraction raises the exponent, which is right, also into infinity.
    const std::uint32_t normal = (size - kBias + kBelowTie + (size >> 13 & 1U)) >> 13;
    const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + kRoundsToSubnormal) -
                                    std::bit_cast<std::uint32_t>(kRoundsToSubnormal);
    const std::uint32_t beyond = size > kInfinite ? 0x7E00 : 0x7C00;
    const std::uint32_t finite = size < kNormal ? subnormal : normal;
    return static_cast<Half>((bits & kSign) >> 16 | (size >= kTooLarge ? beyond : finite));
}

}  // namespace framehop::image
