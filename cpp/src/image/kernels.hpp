// The inner loops, written once per instruction set and chosen at run time. All sets give the same bits: every sum and
// product is rounded by itself, so there is no fused multiply-add, and the component is compiled without contraction.
//
// A row of the tensor is made in two steps. `gather` takes what it needs out of a row of the picture, as bytes and in
// the order of the tensor, and `blend` computes with two such rows: straight through memory, whatever the sizes are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "framehop/image/half.hpp"
#include "framehop/image/preprocess.hpp"
#include "framehop/image/simd.hpp"

namespace framehop::image {

// A loop takes this many pixels at once: three vectors of eight elements. Planes: one vector for each channel.
// Interleaved: the eight pixels one after the other.
inline constexpr std::size_t kBlockPixels = 8;
inline constexpr std::size_t kVectors = 3;
inline constexpr std::size_t kBlockElements = kVectors * kBlockPixels;

// A gathered block has for each vector the left neighbours of four elements and their right ones, then those of the
// other four.
inline constexpr std::size_t kBlockBytes = 2 * kBlockElements;

// The bytes that are read of a pixel and of the one after it, six of which mean something.
inline constexpr std::size_t kPairBytes = 8;

// The order of the elements in a block. Says for each byte of a gathered block where it lies in the eight pairs of
// neighbours, one after the other.
using Order = std::array<std::uint8_t, kBlockBytes>;

constexpr Order order_of(Layout layout, Colour colour) noexcept {
    Order order{};
    for (std::size_t k = 0; k < kBlockBytes; ++k) {
        const std::size_t vector = k / 16;
        const std::size_t right = k / 4 % 2;
        const std::size_t place = k / 8 % 2 * 4 + k % 4;  // in the vector
        const std::size_t element = 8 * vector + place;
        const std::size_t pixel = layout == Layout::nchw ? place : element / 3;
        const std::size_t channel = layout == Layout::nchw ? vector : element % 3;
        const std::size_t byte = colour == Colour::rgb ? channel : 2 - channel;
        order[k] = static_cast<std::uint8_t>(kPairBytes * pixel + 3 * right + byte);
    }
    return order;
}

// Gathers `blocks` of pixels. `left[x]` is where the pair of pixel x begins in the row, all of whose kPairBytes are
// read. `next`: the row that will be gathered after this one, whose bytes are called into the cache meanwhile.
using Gather = void (*)(const std::uint8_t* row, const std::uint8_t* next, const std::uint32_t* left,
                        std::size_t blocks, std::uint8_t* gathered);

// Calls a row into the cache, a part with each block that is gathered of another one: a row that lies far behind the
// last one comes unasked only after its first misses, and the arithmetic would wait for each.
class Prefetch {
  public:
    explicit Prefetch(const std::uint8_t* row) noexcept : row_(row) {}

    void upto(std::size_t offset) noexcept {
        for (; called_ <= offset; called_ += kLine) __builtin_prefetch(row_ + called_);
    }

  private:
    static constexpr std::size_t kLine = 64;
    const std::uint8_t* row_;
    std::size_t called_ = 0;
};

// Two gathered rows of the picture, and the weight of the lower one, 0..1.
struct Rows {
    const std::uint8_t* upper;
    const std::uint8_t* lower;
    float weight;
};

// The weights of the right neighbours, kBlockElements a block, 0..1. `all_zero`: the pixels are those of the picture.
struct Weights {
    const float* values;
    bool all_zero;
};

// What the elements of a block are multiplied by, and what is added then.
struct Normalise {
    std::array<float, kBlockElements> scale;
    std::array<float, kBlockElements> bias;
};

// Where the vectors of a block are written, and the elements from there to those of the next block.
template <class Element>
struct Target {
    std::array<Element*, kVectors> vectors;
    std::size_t step;
};

// Resizes, normalises and writes whole blocks, and nothing beside them. Half: what is too large becomes infinite.
// Bytes: to the nearest, ties to even, clamped to 0..255; NaN is 0. A neighbour whose weight is 0 does not count,
// whatever it is.
template <class Element>
using Blend = void (*)(const Rows& rows, const Weights& weights, const Normalise& normalise,
                       const Target<Element>& target, std::size_t blocks);

struct Kernels {
    std::array<std::array<Gather, 2>, 2> gather;  // by layout and colour
    Blend<float> floats;
    Blend<Half> halves;
    Blend<std::uint8_t> bytes;

    [[nodiscard]] Gather gather_for(Layout layout, Colour colour) const noexcept {
        return gather[static_cast<std::size_t>(layout)][static_cast<std::size_t>(colour)];
    }
    [[nodiscard]] Blend<float> blend_to(const float*) const noexcept { return floats; }
    [[nodiscard]] Blend<Half> blend_to(const Half*) const noexcept { return halves; }
    [[nodiscard]] Blend<std::uint8_t> blend_to(const std::uint8_t*) const noexcept { return bytes; }
};

extern const Kernels kBaselineKernels;
#ifdef __x86_64__
extern const Kernels kAvx2Kernels;

// A Gather for channels first.
template <Colour colour>
void gather_planes(const std::uint8_t* row, const std::uint8_t* next, const std::uint32_t* left, std::size_t blocks,
                   std::uint8_t* gathered);
#endif
#ifdef __aarch64__
extern const Kernels kNeonKernels;
#endif

// Returns the loops for a level that this processor runs.
[[nodiscard]] const Kernels& kernels_for(Simd level) noexcept;

}  // namespace framehop::image
