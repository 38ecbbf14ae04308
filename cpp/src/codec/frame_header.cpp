#include "frame_header.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "framehop/codec/encode.hpp"
#include "segments.hpp"

namespace framehop::codec {
namespace {

constexpr std::size_t kFrameHeaderBytes = 5;  // precision, height, width

// All of 0xC0..0xCF are frame headers but three: DHT, JPG, DAC.
bool is_frame_header(std::uint8_t marker) noexcept {
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// These are baseline, extended and progressive, and the latter two with arithmetic coding.
bool is_decodable(std::uint8_t marker) noexcept {
    constexpr std::array<std::uint8_t, 5> decodable{0xC0, 0xC1, 0xC2, 0xC9, 0xCA};
    return std::ranges::find(decodable, marker) != decodable.end();
}

std::string dimensions(const FrameHeader& frame) {
    return std::to_string(frame.width) + "x" + std::to_string(frame.height);
}

}  // namespace

std::optional<FrameHeader> find_frame_header(Bytes bytes) noexcept {
    SegmentReader segments(bytes);
    while (const std::optional<Segment> segment = segments.next()) {
        const Bytes body = segment->body;
        if (!is_frame_header(segment->marker) || body.size() < kFrameHeaderBytes) continue;
        return FrameHeader{segment->marker, body[0], big_endian16(body, 1), big_endian16(body, 3)};
    }
    return std::nullopt;
}

bool is_huffman_dct(Bytes bytes) noexcept {
    const std::optional<FrameHeader> frame = find_frame_header(bytes);
    return frame && (frame->marker == 0xC0 || frame->marker == 0xC1);
}

Error refused_header(Bytes bytes, const char* reason) {
    const std::optional<FrameHeader> frame = find_frame_header(bytes);
    if (frame && !is_decodable(frame->marker)) {
        return {Errc::unsupported_picture, "JPEG process SOF" + std::to_string(frame->marker - 0xC0) +
                                               " (lossless or hierarchical) is not decoded; re-encode it as baseline"};
    }
    if (frame && frame->precision != 8) {
        return {Errc::unsupported_picture,
                "JPEG with " + std::to_string(frame->precision) + " bits a sample is not decoded; re-encode it with 8"};
    }
    if (frame && (frame->width > kMaxSide || frame->height > kMaxSide)) {
        return {Errc::picture_too_large,
                "JPEG claims " + dimensions(*frame) + " pixels; a side may have at most " + std::to_string(kMaxSide)};
    }
    return {Errc::corrupt_picture,
            "not a whole JPEG (" + std::to_string(bytes.size()) + " bytes): " + std::string(reason)};
}

}  // namespace framehop::codec
