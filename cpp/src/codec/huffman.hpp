// Huffman codes of sequential JPEGs (ISO/IEC 10918-1, F.2.2), in tables that give what stands in a scan by its next
// bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libjpeg.hpp"

namespace framehop::codec {

inline constexpr std::uint32_t kLongestCode = 16;  // bits

// A code and what it stands for. No code begins with the bits that were looked up if its length is 0.
struct HuffmanCode {
    std::uint32_t length = 0;
    std::uint32_t symbol = 0;
};

// The codes of a table in the order of their lengths, which is also that of their bits.
class HuffmanCodes {
  public:
    // Says whether these are the codes of `table` already. A camera sends the same with each picture, so that its
    // tables need not be made anew.
    [[nodiscard]] bool are_of(const JHUFF_TBL& table) const noexcept;
    // Returns false if the table's lengths make no code.
    [[nodiscard]] bool assign(const JHUFF_TBL& table) noexcept;
    [[nodiscard]] std::uint32_t largest_symbol() const noexcept { return largest_symbol_; }
    // `next`: the next 16 bits of the scan.
    [[nodiscard]] HuffmanCode find(std::uint32_t next) const noexcept;

  private:
    static constexpr std::size_t kLengths = 17;  // none has length 0

    std::array<std::uint32_t, kLengths> end_{};    // behind the last code of a length, as the first of 16 bits
    std::array<std::uint32_t, kLengths> first_{};  // the symbol of its first code
    bool assigned_ = false;
    std::uint32_t largest_symbol_ = 0;
    std::array<std::uint8_t, kLengths> counts_{};  // codes by length, as in a file
    std::array<std::uint8_t, 256> symbols_{};
};

// DC coefficients, as differences from the last block. An entry has the bits of code and difference in its lowest byte
// and those of the difference alone in the next; it is 0 where the code is longer than the table knows.
struct DcTable {
    static constexpr std::uint32_t kBits = 9;
    static constexpr std::uint32_t kMostBits = 11;       // of a difference of 8-bit samples
    static constexpr std::uint32_t kLargestSymbol = 15;  // that a table may have

    [[nodiscard]] bool assign(const JHUFF_TBL& table) noexcept;

    HuffmanCodes codes;
    std::array<std::uint16_t, 1U << kBits> entries{};
};

// AC coefficients: runs of zeros and the value behind each. One look gives up to two values, and the end of
// the block behind them, as far as they stand in ten bits.
struct AcTable {
    static constexpr std::uint32_t kBits = 10;
    static constexpr std::uint32_t kMostBits = 10;      // of a coefficient of 8-bit samples
    static constexpr std::uint32_t kEndOfBlock = 64;    // places
    static constexpr std::uint32_t kLong = 128;         // places
    static constexpr std::uint32_t kLongestRun = 0xF0;  // the symbol for 16 zeros

    // From the lowest byte on: the bits that are taken; how many places all of it goes on, and kEndOfBlock more if the
    // block ends with it; the last value; the first value; how many places that one goes on. A single value is both. Of
    // what is longer than the table knows it says kLong, with the bits of the code alone and its symbol as the value,
    // or 0 bits if not even the code fits.
    using Entry = std::uint64_t;

    [[nodiscard]] static std::uint32_t taken(Entry entry) noexcept { return static_cast<std::uint32_t>(entry) & 0xFFU; }
    [[nodiscard]] static std::uint32_t places(Entry entry) noexcept {
        return static_cast<std::uint32_t>(entry) >> 8 & 0xFFU;
    }
    [[nodiscard]] static std::int16_t last(Entry entry) noexcept { return static_cast<std::int16_t>(entry >> 16); }
    [[nodiscard]] static std::int16_t first(Entry entry) noexcept { return static_cast<std::int16_t>(entry >> 32); }
    [[nodiscard]] static std::uint32_t first_places(Entry entry) noexcept {
        return static_cast<std::uint32_t>(entry >> 48);
    }

    [[nodiscard]] bool assign(const JHUFF_TBL& table) noexcept;

    HuffmanCodes codes;
    std::array<Entry, 1U << kBits> entries{};
};

// Returns the number that `size` bits stand for (F.2.2.1): those that begin with 0 are negative. `bits` has them at its
// upper end.
[[nodiscard]] inline std::int32_t extended(std::uint64_t bits, std::uint32_t size) noexcept {
    const auto value = static_cast<std::int32_t>(bits >> 1 >> (63 - size));
    const auto negative = static_cast<std::int32_t>(~bits >> 63);
    return value + (-negative & (1 - (1 << size)));
}

}  // namespace framehop::codec
