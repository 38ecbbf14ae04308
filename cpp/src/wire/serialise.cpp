#include "framehop/wire/serialise.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "framehop/base/error.hpp"
#include "framehop/wire/parse.hpp"
#include "framehop/wire/utf8.hpp"

namespace framehop::wire {
namespace {

void append(Buffer& buffer, const void* bytes, std::size_t count) {
    const std::size_t end = buffer.size();
    buffer.resize(end + count);
    if (count > 0) std::memcpy(buffer.data() + end, bytes, count);
}

template <class Layout>
void append(Buffer& buffer, const Layout& value) {
    append(buffer, &value, sizeof value);
}

void append(Buffer& buffer, std::string_view text) { append(buffer, text.data(), text.size()); }

[[noreturn]] void refuse(const std::string& why) { throw Error(Errc::invalid_argument, why); }

void check_boxes(std::span<const Box> boxes, Status status) {
    if (boxes.size() > kMaxBoxes) {
        refuse("a reply with " + std::to_string(boxes.size()) + " boxes: at most " + std::to_string(kMaxBoxes));
    }
    if (!boxes.empty() && status != Status::ok) refuse("boxes belong to status ok only");
    const auto bad = std::ranges::find_if_not(boxes, [](const Box& box) { return is_valid(box); });
    if (bad != boxes.end()) {
        refuse("box " + std::to_string(bad - boxes.begin()) +
               ": coordinates must be finite, the score 0 to 1, the label id not negative");
    }
}

}  // namespace

Buffer serialise_hello(std::uint64_t ring_id, std::string_view ring_path) {
    if (!is_valid_path(ring_path)) {
        refuse("ring_path must be 1 to " + std::to_string(kMaxPath) + " bytes of UTF-8: " + std::string(ring_path));
    }
    Buffer buffer;
    append(buffer, Hello{.ring_id = ring_id, .path_bytes = static_cast<std::uint32_t>(ring_path.size())});
    append(buffer, ring_path);
    return buffer;
}

Buffer serialise_welcome(std::uint64_t detector_id, std::uint32_t credits) {
    Buffer buffer;
    append(buffer, Welcome{.detector_id = detector_id, .credits = credits});
    return buffer;
}

Buffer serialise_descriptors(std::span<const Descriptor> descriptors) {
    if (descriptors.size() > kMaxDescriptors) {
        refuse("at most " + std::to_string(kMaxDescriptors) + " descriptors go into one message");
    }
    Buffer buffer;
    buffer.reserve(descriptors.size_bytes());
    for (const Descriptor& descriptor : descriptors) {
        if (!is_valid(descriptor)) {
            refuse("descriptor of slot " + std::to_string(descriptor.slot) + ": sides must be 1 to " +
                   std::to_string(kMaxSide) + " pixels, the stride at least a row");
        }
        append(buffer, descriptor);
    }
    return buffer;
}

Buffer serialise_reply(ReplyHeader header, std::span<const Box> boxes, std::string_view text) {
    check_boxes(boxes, header.status);
    if (!is_utf8(text)) refuse("a reply's text must be UTF-8");
    const std::string_view sent = header.status == Status::ok ? std::string_view{} : utf8_prefix(text, kMaxText);
    header.box_count = static_cast<std::uint32_t>(boxes.size());
    header.text_bytes = static_cast<std::uint32_t>(sent.size());
    Buffer buffer;
    buffer.reserve(sizeof header + boxes.size_bytes() + sent.size());
    append(buffer, header);
    for (const Box& box : boxes) append(buffer, box);
    append(buffer, sent);
    return buffer;
}

}  // namespace framehop::wire
