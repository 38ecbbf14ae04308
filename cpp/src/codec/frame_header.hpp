// A second, much simpler reader of the JPEG header: it explains why libjpeg refused a picture, and knows what libjpeg
// does not tell.
#pragma once

#include <cstdint>
#include <optional>

#include "framehop/base/error.hpp"
#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

// The fields of the frame header (SOFn), ISO/IEC 10918-1, B.2.2.
struct FrameHeader {
    std::uint8_t marker = 0;     // 0xC0 baseline, 0xC2 progressive, 0xC3 lossless, ...
    std::uint8_t precision = 0;  // bits a sample
    std::uint16_t height = 0;
    std::uint16_t width = 0;
};

// Finds the first frame header; none when the markers before it are not in order.
[[nodiscard]] std::optional<FrameHeader> find_frame_header(Bytes bytes) noexcept;

// Says whether the picture is baseline, or extended with Huffman codes: libjpeg-turbo 3 reads lossless pictures, too.
[[nodiscard]] bool is_huffman_dct(Bytes bytes) noexcept;

// Makes the error for a picture whose header libjpeg refused. `reason`: libjpeg's message.
[[nodiscard]] Error refused_header(Bytes bytes, const char* reason);

}  // namespace framehop::codec
