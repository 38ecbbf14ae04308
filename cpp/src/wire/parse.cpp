#include "framehop/wire/parse.hpp"

#include <cmath>
#include <cstring>

#include "framehop/wire/utf8.hpp"

namespace framehop::wire {
namespace {

// Copies the Layout out, as a message's bytes may be unaligned. `message` must hold a whole Layout at `offset`.
template <class Layout>
Layout load(Bytes message, std::size_t offset = 0) noexcept {
    Layout value;
    std::memcpy(&value, message.data() + offset, sizeof value);
    return value;
}

bool is_kind(const Preamble& preamble, Kind kind) noexcept {
    return preamble.magic == kMagic && preamble.version == kVersion && preamble.kind == kind;
}

// Returns the fixed part of a message, if it is of that kind and long enough.
template <class Layout>
std::optional<Layout> load_header(Bytes message) noexcept {
    if (message.size() < sizeof(Layout)) return std::nullopt;
    const auto value = load<Layout>(message);
    if (!is_kind(value.preamble, Layout{}.preamble.kind)) return std::nullopt;
    if constexpr (requires { value.reserved; }) {
        if (value.reserved != 0) return std::nullopt;
    }
    return value;
}

std::string_view text_of(Bytes bytes) noexcept { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

bool is_side(std::uint32_t pixels) noexcept { return pixels >= 1 && pixels <= kMaxSide; }

bool is_valid_size(const ReplyHeader& header, std::size_t message_bytes) noexcept {
    if (header.box_count > kMaxBoxes || header.text_bytes > kMaxText) return false;
    return message_bytes == sizeof header + header.box_count * sizeof(Box) + header.text_bytes;
}

bool is_valid(const ReplyHeader& header) noexcept {
    switch (header.status) {
        case Status::ok:
            return header.text_bytes == 0;
        case Status::stale:
        case Status::failed:
            return header.box_count == 0;
    }
    return false;
}

bool append_boxes(Bytes bytes, std::vector<Box>& boxes) {
    boxes.reserve(bytes.size() / sizeof(Box));
    for (std::size_t offset = 0; offset < bytes.size(); offset += sizeof(Box)) {
        boxes.push_back(load<Box>(bytes, offset));
        if (!is_valid(boxes.back())) return false;
    }
    return true;
}

}  // namespace

bool is_valid(const Descriptor& descriptor) noexcept {
    return is_kind(descriptor.preamble, Kind::frames) && descriptor.reserved == 0 && descriptor.detector_id != 0 &&
           is_side(descriptor.source_width) && is_side(descriptor.source_height) && is_side(descriptor.width) &&
           is_side(descriptor.height) && descriptor.stride >= descriptor.width * kBytesPerPixel &&
           descriptor.stride <= kMaxStride;
}

bool is_valid(const Box& box) noexcept {
    return std::isfinite(box.x1) && std::isfinite(box.y1) && std::isfinite(box.x2) && std::isfinite(box.y2) &&
           box.confidence >= 0.0F && box.confidence <= 1.0F && box.label_id >= 0 && box.reserved[0] == 0 &&
           box.reserved[1] == 0;
}

bool is_valid_path(std::string_view path) noexcept {
    return !path.empty() && path.size() <= kMaxPath && path.find('\0') == std::string_view::npos && is_utf8(path);
}

std::optional<Kind> kind_of(Bytes message) noexcept {
    if (message.size() < sizeof(Preamble)) return std::nullopt;
    const auto preamble = load<Preamble>(message);
    if (preamble.magic != kMagic || preamble.version != kVersion) return std::nullopt;
    return preamble.kind;
}

std::optional<Greeting> parse_hello(Bytes message) {
    const auto hello = load_header<Hello>(message);
    if (!hello || message.size() - sizeof(Hello) != hello->path_bytes) return std::nullopt;
    const std::string_view path = text_of(message.subspan(sizeof(Hello)));
    if (!is_valid_path(path)) return std::nullopt;
    return Greeting{hello->ring_id, std::string(path)};
}

std::optional<Welcome> parse_welcome(Bytes message) noexcept {
    const auto welcome = load_header<Welcome>(message);
    if (!welcome || message.size() != sizeof(Welcome)) return std::nullopt;
    if (welcome->detector_id == 0 || welcome->credits == 0 || welcome->credits > kMaxDescriptors) return std::nullopt;
    return welcome;
}

std::optional<std::vector<Descriptor>> parse_descriptors(Bytes message) {
    const std::size_t count = message.size() / sizeof(Descriptor);
    if (count == 0 || count > kMaxDescriptors || message.size() % sizeof(Descriptor) != 0) return std::nullopt;
    std::vector<Descriptor> descriptors;
    descriptors.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        descriptors.push_back(load<Descriptor>(message, i * sizeof(Descriptor)));
        if (!is_valid(descriptors.back())) return std::nullopt;
    }
    return descriptors;
}

std::optional<Reply> parse_reply(Bytes message) {
    const auto header = load_header<ReplyHeader>(message);
    if (!header || !is_valid_size(*header, message.size()) || !is_valid(*header)) return std::nullopt;
    const std::size_t box_bytes = header->box_count * sizeof(Box);
    Reply reply{
        .header = *header, .boxes = {}, .text = std::string(text_of(message.subspan(sizeof *header + box_bytes)))};
    if (!append_boxes(message.subspan(sizeof *header, box_bytes), reply.boxes)) return std::nullopt;
    if (!is_utf8(reply.text)) return std::nullopt;
    return reply;
}

}  // namespace framehop::wire
