// The entropy-coded bytes of a scan, without what is stuffed between them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

// Bits that were read ahead. `count` of `bits`, from the upper end, are known; `next` is the byte behind them, which
// lies in the EntropyBytes that they come from.
struct BitBuffer {
    const std::uint8_t* next = nullptr;
    std::uint64_t bits = 0;
    std::uint32_t count = 0;
};

// Gives the bytes between two markers, a stretch at a time, with zeros behind them. Holds pointers into itself, so it
// stays where it is. Not thread-safe.
class EntropyBytes {
  public:
    EntropyBytes() = default;
    EntropyBytes(const EntropyBytes&) = delete;
    EntropyBytes& operator=(const EntropyBytes&) = delete;
    ~EntropyBytes() = default;

    // Bytes that a reader may take between two calls of ready(): more than the longest MCU has.
    static constexpr std::size_t kMost = 2048;

    // `bytes` begin behind the header of a scan, and must outlive the reading.
    void start(Bytes bytes) noexcept;
    [[nodiscard]] BitBuffer first() const noexcept { return {.next = bytes_.data()}; }
    // Makes sure that there are kMost bytes, zeros if the segment ends; may move them, and `bits.next` with them.
    // Returns false if the segment's end was passed.
    [[nodiscard]] bool ready(BitBuffer& bits) noexcept { return bits.next <= limit_ || more(bits); }
    // Goes on behind the restart marker with this number (0..7), which must stand where `bits` ends but for the last
    // byte's filling.
    [[nodiscard]] bool restart(std::uint32_t number, BitBuffer& bits) noexcept;
    // Says whether no bit was taken from behind the end.
    [[nodiscard]] bool within(const BitBuffer& bits) const noexcept;

  private:
    static constexpr std::size_t kAhead = 8;  // bytes that are read at once
    static constexpr std::size_t kStretch = 16'384;

    [[nodiscard]] bool more(BitBuffer& bits) noexcept;
    void fill(std::size_t kept) noexcept;

    const std::uint8_t* from_ = nullptr;  // in the JPEG
    const std::uint8_t* behind_ = nullptr;
    const std::uint8_t* limit_ = nullptr;  // until here kMost bytes follow
    const std::uint8_t* end_ = nullptr;    // of the segment, none yet if it goes on
    std::array<std::uint8_t, kStretch + kMost + kAhead> bytes_{};
};

}  // namespace framehop::codec
