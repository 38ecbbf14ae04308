// Parses bytes from a peer into checked values. Every magic, version, kind, length, count, range and reserved field is
// checked before it is used, and any error gives nullopt. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framehop/wire/messages.hpp"

namespace framehop::wire {

using Bytes = std::span<const std::uint8_t>;

struct Greeting {
    std::uint64_t ring_id = 0;
    std::string ring_path;  // 1..kMaxPath bytes of UTF-8 without NUL
};

struct Reply {
    ReplyHeader header;
    std::vector<Box> boxes;  // as many as header.box_count
    std::string text;        // UTF-8 of header.text_bytes
};

// Returns the kind of a message of this version; the rest of the message is unchecked.
[[nodiscard]] std::optional<Kind> kind_of(Bytes message) noexcept;

[[nodiscard]] std::optional<Greeting> parse_hello(Bytes message);
[[nodiscard]] std::optional<Welcome> parse_welcome(Bytes message) noexcept;
// Returns 1..kMaxDescriptors descriptors; nullopt if any of them is bad.
[[nodiscard]] std::optional<std::vector<Descriptor>> parse_descriptors(Bytes message);
[[nodiscard]] std::optional<Reply> parse_reply(Bytes message);

// Whether the sender's value is in the ranges that parsing demands.
[[nodiscard]] bool is_valid(const Descriptor& descriptor) noexcept;
[[nodiscard]] bool is_valid(const Box& box) noexcept;
[[nodiscard]] bool is_valid_path(std::string_view path) noexcept;

}  // namespace framehop::wire
