// The loops of the baseline decoder, for the processors that have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "entropy_bytes.hpp"
#include "huffman.hpp"

namespace framehop::codec {

inline constexpr std::size_t kSide = 8;  // of a block
inline constexpr std::size_t kPairSide = 2 * kSide;

// Coefficients of two blocks, row beside row, not yet multiplied by the steps of their quantisation.
struct alignas(32) BlockPair {
    std::int16_t values[kSide][kPairSide];
};

// Coefficients times their steps must stay below this. Those of 8-bit samples do, being at most 1024 and half a step.
// Below it no reduced transform needs more than 16 bits between its two dimensions: libjpeg's transform to 2x2 samples
// keeps more of them, and that to one sample wraps around.
inline constexpr int kTooLarge = 2048;
inline constexpr int kLimit = 0x10000 / kTooLarge;
inline constexpr int kLargestStep = 0x7FFF / kLimit;

// The steps for a pair. `limits` are the steps times kLimit: the upper half of a product with them tells what is too
// large.
struct alignas(32) PairSteps {
    std::int16_t steps[kSide][kPairSide];
    std::int16_t limits[kSide][kPairSide];
};

// Where the samples of a block go.
struct Target {
    std::uint8_t* to = nullptr;
    std::uint32_t stride = 0;
};

// A pair of blocks as read. `flat` ones have nothing but their mean.
struct PairPlace {
    BlockPair blocks{};
    PairSteps steps{};
    bool flat[2]{};
    Target targets[2];
};

// What the blocks of a component have in common when they are read.
struct Coding {
    const DifferenceTable* differences = nullptr;
    const RunTable* runs = nullptr;
    std::int32_t mean = 0;  // of the last block
};

// Says whether this processor has the loops. Where it does not, the others must not be called.
[[nodiscard]] bool has_baseline_kernels() noexcept;

// Reads the blocks of an MCU from EntropyBytes that are ready: `codings` has that of each, in order. Returns false at
// whatever no encoder of 8-bit samples writes.
[[nodiscard]] bool read_blocks(NextBits& bits, std::span<Coding* const> codings, PairPlace* pairs) noexcept;

// Writes `side`x`side` samples for each block: libjpeg's accurate integer transform, whole or reduced. Returns false if
// a coefficient is too large.
using Transform = bool (*)(std::span<const PairPlace> pairs) noexcept;
[[nodiscard]] Transform transform_to(std::uint32_t side) noexcept;

// Samples before and behind those of a row that a kernel may read, and write if it widens.
inline constexpr std::uint32_t kRowSlack = 32;

// Doubles the width of a row of `count` samples: each of the two gets 3/4 of its own sample and 1/4 of the next one on
// its side. The samples before and behind the row must repeat the outermost.
void widen(const std::uint8_t* row, std::uint32_t count, std::uint8_t* to) noexcept;
// The same, between two rows: 3/4 of `near` and 1/4 of `far`.
void widen_between(const std::uint8_t* near, const std::uint8_t* far, std::uint32_t count, std::uint8_t* to) noexcept;
// Doubles each sample.
void repeat(const std::uint8_t* row, std::uint32_t count, std::uint8_t* to) noexcept;

// Converts rows of full-range BT.601 to RGB; writes 3 * width bytes and nothing behind them.
void write_colours(const std::uint8_t* luma, const std::uint8_t* blue, const std::uint8_t* red, std::uint32_t width,
                   std::uint8_t* to) noexcept;
void write_grey(const std::uint8_t* luma, std::uint32_t width, std::uint8_t* to) noexcept;

}  // namespace framehop::codec
