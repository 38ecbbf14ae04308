#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "framehop/image/half.hpp"

namespace framehop::image {
namespace {

constexpr std::uint16_t kInfinite = 0x7C00;

// The value of a finite half, by the definition of the format.
double value_of(std::uint16_t half) {
    const int exponent = half >> 10 & 31;
    const double fraction = half & 1023;
    const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return (half & 0x8000) != 0 ? -size : size;
}

std::uint16_t bits_of(double value) { return static_cast<std::uint16_t>(half_of(static_cast<float>(value))); }

TEST(Half, is_itself) {
    for (std::uint16_t half = 0; half < kInfinite; ++half) {
        ASSERT_EQ(bits_of(value_of(half)), half);
        ASSERT_EQ(bits_of(-value_of(half)), half | 0x8000);
    }
}

// Float32 has 13 more bits than a half, so ties and their neighbours are exact.
TEST(Half, rounds_to_the_nearest_and_a_tie_to_even) {
    for (std::uint16_t half = 0; half + 1 < kInfinite; ++half) {
        const double here = value_of(half);
        const double next = value_of(static_cast<std::uint16_t>(half + 1));
        const auto tie = static_cast<float>((here + next) / 2);
        ASSERT_EQ(bits_of(tie), half + (half & 1)) << here;
        ASSERT_EQ(bits_of(std::nextafter(tie, 0.0F)), half) << here;
        ASSERT_EQ(bits_of(std::nextafter(tie, 1e6F)), half + 1) << here;
    }
}

TEST(Half, is_infinite_beyond_its_range) {
    EXPECT_EQ(bits_of(std::nextafter(65520.0F, 0.0F)), kInfinite - 1);
    for (const double large : {65520.0, 65536.0, 1e38, std::numeric_limits<double>::infinity()}) {
        EXPECT_EQ(bits_of(large), kInfinite);
        EXPECT_EQ(bits_of(-large), kInfinite | 0x8000);
    }
    EXPECT_EQ(bits_of(std::numeric_limits<double>::quiet_NaN()) & 0x7FFF, 0x7E00);
}

}  // namespace
}  // namespace framehop::image
