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
struct alignas(32) Coefficients {
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
struct alignas(32) QuantisationSteps {
    std::int16_t steps[kSide][kPairSide];
    std::int16_t limits[kSide][kPairSide];
};

// Where the samples of a block go.
struct Target {
    std::uint8_t* to = nullptr;
    std::uint32_t stride = 0;
};

// A pair of blocks as read: what AVX2 transforms at once. `dc_only` ones have no coefficient but DC. read_blocks()
// clears the coefficients before it reads them, and leaves steps and targets alone. If a pair lacks its second block,
// that one has zeros for coefficients and a target that nobody reads.
struct BlockPair {
    Coefficients blocks{};
    QuantisationSteps steps{};
    bool dc_only[2]{};
    Target targets[2];
};

// What the blocks of a component have in common when they are read.
struct ScanComponent {
    const DcTable* dc_table = nullptr;
    const AcTable* ac_table = nullptr;
    std::int32_t last_dc = 0;
};

// Says whether this processor has the loops. Where it does not, the others must not be called.
[[nodiscard]] bool has_baseline_kernels() noexcept;

// Reads the blocks of an MCU from EntropyBytes that are ready: `components` has that of each, in order. Returns false
// at whatever no encoder of 8-bit samples writes.
[[nodiscard]] bool read_blocks(BitBuffer& bits, std::span<ScanComponent* const> components, BlockPair* pairs) noexcept;

// Writes `side`x`side` samples for each block: libjpeg's accurate integer transform, whole or reduced. Returns false if
// a coefficient is too large.
using InverseDct = bool (*)(std::span<const BlockPair> pairs) noexcept;
[[nodiscard]] InverseDct inverse_dct_to(std::uint32_t side) noexcept;

// Samples before and behind those of a row that a kernel may read, and write if it widens.
inline constexpr std::uint32_t kRowSlack = 32;

// Doubles the width of a row of `count` samples: each of the two gets 3/4 of its own sample and 1/4 of the next one on
// its side. The samples before and behind the row must repeat the outermost.
void upsample_h2v1(const std::uint8_t* row, std::uint32_t count, std::uint8_t* to) noexcept;
// The same, between two rows: 3/4 of `near` and 1/4 of `far`.
void upsample_h2v2(const std::uint8_t* near, const std::uint8_t* far, std::uint32_t count, std::uint8_t* to) noexcept;
// Doubles each sample.
void replicate_h2v1(const std::uint8_t* row, std::uint32_t count, std::uint8_t* to) noexcept;

// Converts rows of full-range BT.601 to RGB; writes 3 * width bytes and nothing behind them.
void ycc_to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, std::uint32_t width,
                std::uint8_t* to) noexcept;
void grey_to_rgb(const std::uint8_t* luma, std::uint32_t width, std::uint8_t* to) noexcept;

}  // namespace framehop::codec
