// Rounds floats to the elements of a tensor, by the portable rules that every instruction set has to follow.
#pragma once

#include <bit>
#include <cstdint>

#include "framehop/image/half.hpp"

namespace framehop::image {

// Adding a number whose last bit is worth what the result's last bit shall be worth makes the addition round, ties to
// even.
inline constexpr float kRoundsToInteger = 0x1p23F;

inline void round_to(float value, float& out) noexcept { out = value; }

inline void round_to(float value, Half& out) noexcept { out = half_of(value); }

// NaN becomes 0.
inline void round_to(float value, std::uint8_t& out) noexcept {
    const float positive = value > 0.0F ? value : 0.0F;
    const float clamped = positive < 255.0F ? positive : 255.0F;
    out = static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(clamped + kRoundsToInteger));
}

}  // namespace framehop::image
