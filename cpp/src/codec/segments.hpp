// Reads the marker segments of a JPEG before its first scan (ISO/IEC 10918-1, B.1.1), never beyond the bytes given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

struct Segment {
    std::uint8_t marker = 0;
    Bytes body;  // after the length field
};

[[nodiscard]] inline std::uint16_t big_endian16(Bytes bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// Walks the segments in order, passing over stray bytes between them as libjpeg does.
class SegmentReader {
  public:
    explicit SegmentReader(Bytes bytes) noexcept;
    // Returns the next complete segment; none at the first scan, at the end of the image, and where the bytes end.
    [[nodiscard]] std::optional<Segment> next() noexcept;

  private:
    [[nodiscard]] std::uint8_t next_marker() noexcept;  // 0: none

    Bytes bytes_;
    std::size_t at_ = 2;
};

}  // namespace framehop::codec
