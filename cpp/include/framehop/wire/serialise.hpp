// Turns values into bytes that parse.hpp can parse. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "framehop/wire/messages.hpp"

namespace framehop::wire {

using Buffer = std::vector<std::uint8_t>;

// Throws Errc::invalid_argument for a path that is empty, longer than kMaxPath bytes, or not UTF-8.
[[nodiscard]] Buffer serialise_hello(std::uint64_t ring_id, std::string_view ring_path);
[[nodiscard]] Buffer serialise_welcome(std::uint64_t detector_id, std::uint32_t credits);
// Throws Errc::invalid_argument for more than kMaxDescriptors, or for one out of range.
[[nodiscard]] Buffer serialise_descriptors(std::span<const Descriptor> descriptors);
// `header` needs no counts. `text` is only sent when the status is not ok, and cut to kMaxText bytes between two
// characters, so that a long explanation does not prevent the answer. Throws Errc::invalid_argument for more than
// kMaxBoxes, a box out of range, boxes with a status that is not ok, or text that is not UTF-8.
[[nodiscard]] Buffer serialise_reply(ReplyHeader header, std::span<const Box> boxes, std::string_view text);

}  // namespace framehop::wire
