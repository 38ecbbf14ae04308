// For AArch64, all of whose processors have NEON.
#ifdef __aarch64__

#include <arm_neon.h>

#include <algorithm>
#include <array>

#include "kernels.hpp"

namespace framehop::image {
namespace {

// One channel of eight pixels, in their order.
struct Channel {
    float32x4_t first;
    float32x4_t last;
};

using Rgb = std::array<Channel, 3>;

inline float32x4_t lerp(float32x4_t first, float32x4_t second, float32x4_t weight) {
    return vaddq_f32(first, vmulq_f32(vsubq_f32(second, first), weight));
}

void lerp_rows(const std::uint8_t* upper, const std::uint8_t* lower, float weight, float* __restrict row,
               std::size_t count) {
    const float32x4_t weights = vdupq_n_f32(weight);
    std::size_t k = 0;
    for (; k + 8 <= count; k += 8) {
        const uint16x8_t above = vmovl_u8(vld1_u8(upper + k));
        const uint16x8_t below = vmovl_u8(vld1_u8(lower + k));
        const auto half = [&](uint16x4_t from, uint16x4_t to) {
            return lerp(vcvtq_f32_u32(vmovl_u16(from)), vcvtq_f32_u32(vmovl_u16(to)), weights);
        };
        vst1q_f32(row + k, half(vget_low_u16(above), vget_low_u16(below)));
        vst1q_f32(row + k + 4, half(vget_high_u16(above), vget_high_u16(below)));
    }
    for (; k < count; ++k) {
        row[k] = static_cast<float>(upper[k]) + static_cast<float>(lower[k] - upper[k]) * weight;
    }
}

inline float32x4_t resized_pixel(const float* row, std::uint32_t left, float weight) {
    return lerp(vld1q_f32(row + left), vld1q_f32(row + left + 3), vdupq_n_f32(weight));
}

// Red, green and blue of four pixels.
inline std::array<float32x4_t, 3> resized_four(const float* row, const std::uint32_t* left, const float* weight) {
    const float32x4_t a = resized_pixel(row, left[0], weight[0]);
    const float32x4_t b = resized_pixel(row, left[1], weight[1]);
    const float32x4_t c = resized_pixel(row, left[2], weight[2]);
    const float32x4_t d = resized_pixel(row, left[3], weight[3]);
    const float32x4_t red_green_ac = vzip1q_f32(a, c);
    const float32x4_t red_green_bd = vzip1q_f32(b, d);
    return {vzip1q_f32(red_green_ac, red_green_bd), vzip2q_f32(red_green_ac, red_green_bd),
            vzip1q_f32(vzip2q_f32(a, c), vzip2q_f32(b, d))};
}

inline float32x4_t scaled(float32x4_t value, float scale, float bias) {
    return vaddq_f32(vmulq_f32(value, vdupq_n_f32(scale)), vdupq_n_f32(bias));
}

// Eight pixels, normalised, by the model's channel order.
inline Rgb resized(const float* row, const std::uint32_t* left, const float* weight, const Normalise& normalise) {
    const std::array<float32x4_t, 3> first = resized_four(row, left, weight);
    const std::array<float32x4_t, 3> last = resized_four(row, left + 4, weight + 4);
    Rgb rgb;
    for (std::size_t c = 0; c < 3; ++c) {
        const float scale = normalise.scale[c];
        const float bias = normalise.bias[c];
        rgb[normalise.swap_red_blue ? 2 - c : c] = {scaled(first[c], scale, bias), scaled(last[c], scale, bias)};
    }
    return rgb;
}

inline uint16x8_t halves_of(const Channel& channel) {
    return vcombine_u16(vreinterpret_u16_f16(vcvt_f16_f32(channel.first)),
                        vreinterpret_u16_f16(vcvt_f16_f32(channel.last)));
}

// maxnm gives the number where the other operand is NaN.
inline int32x4_t integers_of(float32x4_t values) {
    return vcvtnq_s32_f32(vminq_f32(vmaxnmq_f32(values, vdupq_n_f32(0.0F)), vdupq_n_f32(255.0F)));
}

inline uint8x8_t bytes_of(const Channel& channel) {
    return vqmovn_u16(vcombine_u16(vqmovun_s32(integers_of(channel.first)), vqmovun_s32(integers_of(channel.last))));
}

inline std::uint16_t* bits(Half* to) { return reinterpret_cast<std::uint16_t*>(to); }

inline void store(float* to, const Channel& channel) {
    vst1q_f32(to, channel.first);
    vst1q_f32(to + 4, channel.last);
}

inline void store(Half* to, const Channel& channel) { vst1q_u16(bits(to), halves_of(channel)); }

inline void store(std::uint8_t* to, const Channel& channel) { vst1_u8(to, bytes_of(channel)); }

inline void store_interleaved(float* to, const Rgb& rgb) {
    vst3q_f32(to, {{rgb[0].first, rgb[1].first, rgb[2].first}});
    vst3q_f32(to + 12, {{rgb[0].last, rgb[1].last, rgb[2].last}});
}

inline void store_interleaved(Half* to, const Rgb& rgb) {
    vst3q_u16(bits(to), {{halves_of(rgb[0]), halves_of(rgb[1]), halves_of(rgb[2])}});
}

inline void store_interleaved(std::uint8_t* to, const Rgb& rgb) {
    vst3_u8(to, {{bytes_of(rgb[0]), bytes_of(rgb[1]), bytes_of(rgb[2])}});
}

template <class Element>
void write_planes(const float* row, const Taps& taps, const Normalise& normalise, Element* out, std::size_t plane) {
    for (std::size_t x = 0; x < taps.pixels; x += kBlock) {
        const Rgb rgb = resized(row, taps.left.data() + x, taps.weight.data() + x, normalise);
        const std::size_t count = std::min(kBlock, taps.pixels - x);
        for (std::size_t c = 0; c < 3; ++c) {
            if (count == kBlock) {
                store(out + c * plane + x, rgb[c]);
            } else {
                std::array<Element, kBlock> last;
                store(last.data(), rgb[c]);
                std::copy_n(last.data(), count, out + c * plane + x);
            }
        }
    }
}

template <class Element>
void write_interleaved(const float* row, const Taps& taps, const Normalise& normalise, Element* out, std::size_t) {
    for (std::size_t x = 0; x < taps.pixels; x += kBlock) {
        const Rgb rgb = resized(row, taps.left.data() + x, taps.weight.data() + x, normalise);
        if (x + kBlock <= taps.pixels) {
            store_interleaved(out + 3 * x, rgb);
        } else {
            std::array<Element, 3 * kBlock> last;
            store_interleaved(last.data(), rgb);
            std::copy_n(last.data(), 3 * (taps.pixels - x), out + 3 * x);
        }
    }
}

}  // namespace

const Kernels kNeonKernels{
    .lerp_rows = lerp_rows,
    .floats = {write_planes<float>, write_interleaved<float>},
    .halves = {write_planes<Half>, write_interleaved<Half>},
    .bytes = {write_planes<std::uint8_t>, write_interleaved<std::uint8_t>},
};

}  // namespace framehop::image

#endif
