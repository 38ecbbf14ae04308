#pragma once

#include <cstddef>
#include <string_view>

namespace framehop::wire {

// Returns the bytes of the well-formed UTF-8 character that `text` begins with, 0 if there is none. By RFC 3629 there
// are no overlong forms, no surrogates, and nothing above U+10FFFF.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// Returns the longest prefix of whole characters in at most `limit` bytes. `text` must be UTF-8.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t limit) noexcept;

}  // namespace framehop::wire
