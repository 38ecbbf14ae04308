#include "colours.hpp"

#include <algorithm>

#include "framehop/image/simd.hpp"

namespace framehop::video {
namespace {

constexpr std::int64_t kOne = 1 << 16;    // in libswscale's tables
constexpr std::int64_t kUnit = 1 << 13;   // here
constexpr std::int64_t kSample = 1 << 3;  // a sample's own factor
constexpr std::int64_t kBlack = 16;       // of the limited range
constexpr std::int64_t kLargest = 0x7FFF;

std::int16_t rounded(std::int64_t value) noexcept {
    return static_cast<std::int16_t>(std::clamp((value + kOne / 2) >> 16, -kLargest, kLargest));
}

}  // namespace

// The same integers as in libswscale's yuv2rgb.c: another order of these steps would round otherwise.
Colours colours_of(const int* table, bool full_range) noexcept {
    const auto chroma = [&](std::int64_t factor) {
        return rounded((full_range ? factor * 224 / 255 : factor) * kUnit);
    };
    const std::int64_t luma = full_range ? kOne : kOne * 255 / 219;
    return {.black = rounded((full_range ? 0 : kBlack * kOne) * kSample),
            .luma = rounded(luma * kUnit),
            .red_of_v = chroma(table[0]),
            .green_of_u = chroma(-std::int64_t{table[2]}),
            .green_of_v = chroma(-std::int64_t{table[3]}),
            .blue_of_u = chroma(table[1])};
}

bool has_colour_kernel() noexcept { return image::simd_levels().back() == image::Simd::avx2; }

#ifndef __x86_64__
void convert_planes(const Planes& /*from*/, const Colours& /*colours*/, const ImageView& /*to*/) noexcept {}
#endif

}  // namespace framehop::video
