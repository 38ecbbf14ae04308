#include "annexb.hpp"

#include <algorithm>
#include <limits>

namespace framehop::codec {

bool UnitReader::begins_well() const noexcept {
    if (!at_) return false;
    // Zeros may stand before the first start code.
    return std::ranges::all_of(bytes_.first(*at_ - 1), [](std::uint8_t byte) { return byte == 0; });
}

std::optional<std::size_t> UnitReader::after_start_code(std::size_t from) const noexcept {
    for (std::size_t at = from; at + 2 < bytes_.size();) {
        if (bytes_[at + 2] > 1) {
            at += 3;
        } else if (bytes_[at] == 0 && bytes_[at + 1] == 0 && bytes_[at + 2] == 1) {
            return at + 3;
        } else {
            ++at;
        }
    }
    return std::nullopt;
}

std::optional<Bytes> UnitReader::next() noexcept {
    if (!at_) return std::nullopt;
    const std::size_t begin = *at_;
    at_ = after_start_code(begin);
    std::size_t end = at_ ? *at_ - 3 : bytes_.size();
    while (end > begin && bytes_[end - 1] == 0) --end;
    return bytes_.subspan(begin, end - begin);
}

std::uint32_t BitReader::bit() noexcept {
    if (bit_ == 0 && zeros_ >= 2 && at_ < bytes_.size() && bytes_[at_] == 3) {
        ++at_;
        zeros_ = 0;
    }
    if (ended()) return 0;
    const std::uint32_t value = bytes_[at_] >> (7 - bit_) & 1U;
    if (++bit_ == 8) {
        zeros_ = bytes_[at_] == 0 ? zeros_ + 1 : 0;
        ++at_;
        bit_ = 0;
    }
    return value;
}

std::uint32_t BitReader::bits(unsigned count) noexcept {
    std::uint32_t value = 0;
    for (unsigned k = 0; k < count; ++k) value = value << 1 | bit();
    return value;
}

std::uint32_t BitReader::ue() noexcept {
    unsigned zeros = 0;
    while (zeros < 32 && !ended() && bit() == 0) ++zeros;
    if (zeros == 32 || ended()) return std::numeric_limits<std::uint32_t>::max();
    return (1U << zeros) - 1 + bits(zeros);
}

}  // namespace framehop::codec
