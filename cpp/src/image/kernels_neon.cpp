// For AArch64, all of whose processors have NEON.
#ifdef __aarch64__

#include <arm_neon.h>

#include "kernels.hpp"

namespace framehop::image {
namespace {

inline uint8x16_t two_pairs(const std::uint8_t* row, const std::uint32_t* left) {
    return vcombine_u8(vld1_u8(row + left[0]), vld1_u8(row + left[1]));
}

template <Layout layout, Colour colour>
void gather(const std::uint8_t* row, const std::uint8_t* next, const std::uint32_t* left, std::size_t blocks,
            std::uint8_t* gathered) {
    static constexpr Order kOrder = order_of(layout, colour);
    const uint8x16x3_t order{{vld1q_u8(kOrder.data()), vld1q_u8(kOrder.data() + 16), vld1q_u8(kOrder.data() + 32)}};
    Prefetch prefetch(next);
    for (; blocks > 0; --blocks, left += kBlockPixels, gathered += kBlockBytes) {
        prefetch.upto(left[kBlockPixels - 1]);
        const uint8x16x4_t pairs{
            {two_pairs(row, left), two_pairs(row, left + 2), two_pairs(row, left + 4), two_pairs(row, left + 6)}};
        vst1q_u8(gathered, vqtbl4q_u8(pairs, order.val[0]));
        vst1q_u8(gathered + 16, vqtbl4q_u8(pairs, order.val[1]));
        vst1q_u8(gathered + 32, vqtbl4q_u8(pairs, order.val[2]));
    }
}

// One vector of eight elements, in their order.
struct Channel {
    float32x4_t first;
    float32x4_t last;
};

inline float32x4_t lerp(float32x4_t first, float32x4_t second, float32x4_t weight) {
    return vaddq_f32(first, vmulq_f32(vsubq_f32(second, first), weight));
}

// Four left neighbours and their right ones, between the rows.
struct Neighbours {
    float32x4_t left;
    float32x4_t right;
};

inline Neighbours floats_of(const std::uint8_t* from) {
    const uint16x8_t words = vmovl_u8(vld1_u8(from));
    return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(words)))};
}

inline float32x4_t resized_four(const std::uint8_t* upper, const std::uint8_t* lower, float weight,
                                const float* weights) {
    const float32x4_t by_row = vdupq_n_f32(weight);
    const Neighbours above = floats_of(upper);
    const Neighbours below = floats_of(lower);
    return lerp(lerp(above.left, below.left, by_row), lerp(above.right, below.right, by_row), vld1q_f32(weights));
}

inline float32x4_t scaled(float32x4_t value, const float* scale, const float* bias) {
    return vaddq_f32(vmulq_f32(value, vld1q_f32(scale)), vld1q_f32(bias));
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

template <class Element>
void blend(const Rows& rows, const Weights& weights, const Normalise& normalise, const Target<Element>& target,
           std::size_t blocks) {
    for (std::size_t k = 0; k < blocks * kVectors; ++k) {
        const std::uint8_t* upper = rows.upper + 16 * k;
        const std::uint8_t* lower = rows.lower + 16 * k;
        const float* by_column = weights.values + 8 * k;
        const std::size_t vector = k % kVectors;
        const float* scale = normalise.scale.data() + 8 * vector;
        const float* bias = normalise.bias.data() + 8 * vector;
        store(target.vectors[vector] + k / kVectors * target.step,
              Channel{scaled(resized_four(upper, lower, rows.weight, by_column), scale, bias),
                      scaled(resized_four(upper + 8, lower + 8, rows.weight, by_column + 4), scale + 4, bias + 4)});
    }
}

}  // namespace

const Kernels kNeonKernels{
    .gather = {{{gather<Layout::nhwc, Colour::rgb>, gather<Layout::nhwc, Colour::bgr>},
                {gather<Layout::nchw, Colour::rgb>, gather<Layout::nchw, Colour::bgr>}}},
    .floats = blend<float>,
    .halves = blend<Half>,
    .bytes = blend<std::uint8_t>,
};

}  // namespace framehop::image

#endif
