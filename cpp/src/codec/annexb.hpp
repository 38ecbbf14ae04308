// Splits a byte stream of Annex B into its units, and reads the bits of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

// Yields one NAL unit after the other, without start codes and trailing zeros. The bytes must outlive it.
class UnitReader {
  public:
    explicit UnitReader(Bytes bytes) noexcept : bytes_(bytes), at_(after_start_code(0)) {}

    // Whether the bytes begin with a start code, as they must.
    [[nodiscard]] bool begins_well() const noexcept;
    // The next unit, which may be empty; none at the end.
    [[nodiscard]] std::optional<Bytes> next() noexcept;

  private:
    // The place behind the first start code at or after `from`; none when there is no more.
    [[nodiscard]] std::optional<std::size_t> after_start_code(std::size_t from) const noexcept;

    Bytes bytes_;
    std::optional<std::size_t> at_;
};

// Reads a unit's payload bit by bit and leaves out the bytes that only prevent start codes. Behind the end all bits are
// 0.
class BitReader {
  public:
    explicit BitReader(Bytes payload) noexcept : bytes_(payload) {}

    [[nodiscard]] std::uint32_t bits(unsigned count) noexcept;  // up to 32
    [[nodiscard]] std::uint32_t ue() noexcept;                  // Exp-Golomb; 2^32 - 1 when longer than 32 bits
    [[nodiscard]] bool ended() const noexcept { return at_ >= bytes_.size(); }

  private:
    [[nodiscard]] std::uint32_t bit() noexcept;

    Bytes bytes_;
    std::size_t at_ = 0;
    unsigned bit_ = 0;    // bits of bytes_[at_] that were read
    unsigned zeros_ = 0;  // zero bytes before bytes_[at_]
};

}  // namespace framehop::codec
