#include "segments.hpp"

namespace framehop::codec {
namespace {

constexpr std::uint8_t kTemporary = 0x01;
constexpr std::uint8_t kFirstRestart = 0xD0;
constexpr std::uint8_t kStartOfImage = 0xD8;
constexpr std::uint8_t kEndOfImage = 0xD9;
constexpr std::uint8_t kStartOfScan = 0xDA;

bool stands_alone(std::uint8_t marker) noexcept {
    return marker == kTemporary || (marker >= kFirstRestart && marker < kStartOfImage);
}

}  // namespace

SegmentReader::SegmentReader(Bytes bytes) noexcept : bytes_(bytes) {
    if (bytes.size() < 2 || bytes[0] != 0xFF || bytes[1] != kStartOfImage) at_ = bytes.size();
}

std::uint8_t SegmentReader::next_marker() noexcept {
    while (at_ + 1 < bytes_.size()) {
        const std::uint8_t marker = bytes_[at_] == 0xFF ? bytes_[at_ + 1] : 0;
        if (marker != 0 && marker != 0xFF) {  // a second 0xFF means that the first was a fill byte
            at_ += 2;
            return marker;
        }
        ++at_;
    }
    return 0;
}

std::optional<Segment> SegmentReader::next() noexcept {
    std::uint8_t marker = next_marker();
    while (stands_alone(marker)) marker = next_marker();
    if (marker == 0 || marker == kEndOfImage || marker == kStartOfScan) return std::nullopt;
    const Bytes rest = bytes_.subspan(at_);
    if (rest.size() < 2) return std::nullopt;
    const std::size_t length = big_endian16(rest, 0);
    if (length < 2 || length > rest.size()) return std::nullopt;
    at_ += length;
    return Segment{marker, rest.subspan(2, length - 2)};
}

}  // namespace framehop::codec
