#include "framehop/wire/utf8.hpp"

#include <cstdint>

namespace framehop::wire {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t index) noexcept {
    return index < text.size() ? static_cast<std::uint8_t>(text[index]) : std::uint8_t{0};
}

bool is_continuation(std::uint8_t byte) noexcept { return (byte & 0xC0U) == 0x80U; }

std::size_t length_of_lead(std::uint8_t lead) noexcept {
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;  // C0 and C1 could only begin overlong forms
    if (lead >= 0xE0 && lead <= 0xEF) return 3;
    if (lead >= 0xF0 && lead <= 0xF4) return 4;
    return 0;
}

// Four leads allow only part of the continuation bytes as their second byte.
bool second_is_allowed(std::uint8_t lead, std::uint8_t second) noexcept {
    switch (lead) {
        case 0xE0:
            return second >= 0xA0;  // else overlong
        case 0xED:
            return second <= 0x9F;  // else a surrogate
        case 0xF0:
            return second >= 0x90;  // else overlong
        case 0xF4:
            return second <= 0x8F;  // else above U+10FFFF
        default:
            return true;
    }
}

}  // namespace

std::size_t utf8_length(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const std::uint8_t lead = byte_at(text, 0);
    const std::size_t length = length_of_lead(lead);
    if (length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if (!is_continuation(byte_at(text, i))) return 0;
    }
    return second_is_allowed(lead, byte_at(text, 1)) ? length : 0;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) return text;
    while (limit > 0 && is_continuation(byte_at(text, limit))) --limit;
    return text.substr(0, limit);
}

}  // namespace framehop::wire
