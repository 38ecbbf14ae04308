#include "entropy_bytes.hpp"

#include <algorithm>
#include <cstring>

namespace framehop::codec {
namespace {

constexpr std::uint8_t kMarker = 0xFF;  // begins a marker, or is a byte of data if 0 follows
constexpr std::uint8_t kFirstRestart = 0xD0;

std::int64_t bits_left(const std::uint8_t* end, const BitBuffer& bits) noexcept {
    return (end - bits.next) * 8 + static_cast<std::int64_t>(bits.count);
}

}  // namespace

void EntropyBytes::start(Bytes bytes) noexcept {
    from_ = bytes.data();
    behind_ = bytes.data() + bytes.size();
    fill(0);
}

bool EntropyBytes::more(BitBuffer& bits) noexcept {
    if (end_ != nullptr) return bits.next <= end_ + kAhead && within(bits);
    const auto kept = static_cast<std::size_t>(bytes_.data() + kStretch - bits.next);
    std::memmove(bytes_.data(), bits.next, kept);
    bits.next = bytes_.data();
    fill(kept);
    return true;
}

// Fills the stretch behind the `kept` bytes at its beginning.
void EntropyBytes::fill(std::size_t kept) noexcept {
    std::uint8_t* to = bytes_.data() + kept;
    std::uint8_t* const full = bytes_.data() + kStretch;
    end_ = nullptr;
    while (to != full && end_ == nullptr) {
        const auto most = static_cast<std::size_t>(std::min(full - to, behind_ - from_));
        const void* found = most == 0 ? nullptr : std::memchr(from_, kMarker, most);
        const auto plain =
            found == nullptr ? most : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - from_);
        std::copy_n(from_, plain, to);
        to += plain;
        from_ += plain;
        if (from_ == behind_ || (found != nullptr && (behind_ - from_ < 2 || from_[1] != 0))) {
            end_ = to;
        } else if (found != nullptr) {
            *to++ = kMarker;
            from_ += 2;
        }
    }
    if (end_ == nullptr) {
        limit_ = full - kMost;
        return;
    }
    std::fill_n(to, kMost + kAhead, std::uint8_t{0});
    limit_ = end_;
}

bool EntropyBytes::restart(std::uint32_t number, BitBuffer& bits) noexcept {
    if (end_ == nullptr) return false;
    const std::int64_t filling = bits_left(end_, bits);
    if (filling < 0 || filling > 7) return false;
    if (behind_ - from_ < 2 || from_[1] != kFirstRestart + number) return false;
    from_ += 2;
    fill(0);
    bits = first();
    return true;
}

bool EntropyBytes::within(const BitBuffer& bits) const noexcept {
    return end_ == nullptr || bits_left(end_, bits) >= 0;
}

}  // namespace framehop::codec
