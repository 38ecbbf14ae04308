#include "framehop/wire/frames.hpp"

#include <cstring>

#include "framehop/base/error.hpp"
#include "framehop/wire/utf8.hpp"

namespace framehop::wire {
namespace {

// Returns the fixed part of a message if it is long enough and of that kind.
template <class Layout>
std::optional<Layout> load(Bytes message) noexcept {
    Layout value;
    if (message.size() < sizeof value) return std::nullopt;
    std::memcpy(&value, message.data(), sizeof value);
    const FramePreamble& preamble = value.preamble;
    const bool fits =
        preamble.magic == kFrameMagic && preamble.version == kFrameVersion && preamble.kind == Layout{}.preamble.kind;
    return fits ? std::optional(value) : std::nullopt;
}

std::string_view text_after(Bytes message, std::size_t fixed) noexcept {
    return {reinterpret_cast<const char*>(message.data()) + fixed, message.size() - fixed};
}

bool is_stream(std::string_view stream) noexcept {
    return stream.size() <= kMaxStream && stream.find('\0') == std::string_view::npos && is_utf8(stream);
}

bool is_valid(const Want& want) noexcept {
    const bool known = want.delivery == Delivery::latest || want.delivery == Delivery::lossless;
    return known && want.credits >= 1 && want.credits <= kMaxFrameCredits && want.reserved == 0;
}

bool is_side(std::uint32_t pixels) noexcept { return pixels >= 1 && pixels <= kMaxSide; }

bool is_picture(const FrameHeader& header) noexcept {
    return is_side(header.width) && is_side(header.height) && header.stride <= kMaxStride;
}

bool has_payload(const FrameHeader& header) noexcept {
    if (header.encoding == Encoding::jpeg) {
        return is_picture(header) && header.stride == 0 && header.payload_bytes >= 1;
    }
    // Compared as it came: half of an unknown encoding may be a known format.
    const PixelFormat format = format_of(header.encoding);
    return header.encoding == encoding_of(format) && (format == PixelFormat::bytes || is_picture(header)) &&
           is_sound(format, header.width, header.height, header.stride) &&
           header.payload_bytes == picture_bytes(format, header.height, header.stride);
}

bool is_valid(const FrameHeader& header) noexcept {
    return header.session != 0 && header.epoch >= 0 && header.seq >= 0 && has_payload(header) &&
           header.payload_bytes <= kMaxPayload && header.note_bytes <= kMaxNote;
}

template <class Layout>
std::vector<std::uint8_t> bytes_of(const Layout& value, std::string_view text = {}) {
    std::vector<std::uint8_t> bytes(sizeof value + text.size());
    std::memcpy(bytes.data(), &value, sizeof value);
    if (!text.empty()) std::memcpy(bytes.data() + sizeof value, text.data(), text.size());
    return bytes;
}

[[noreturn]] void refuse(const std::string& why) { throw Error(Errc::invalid_argument, why); }

}  // namespace

std::optional<ParsedWant> parse_want(Bytes message) {
    const auto want = load<Want>(message);
    if (!want || !is_valid(*want) || message.size() - sizeof *want != want->stream_bytes) return std::nullopt;
    const std::string_view stream = text_after(message, sizeof *want);
    if (!is_stream(stream)) return std::nullopt;
    return ParsedWant{*want, std::string(stream)};
}

std::optional<FrameWelcome> parse_frame_welcome(Bytes message) noexcept {
    const auto welcome = load<FrameWelcome>(message);
    return welcome && message.size() == sizeof *welcome && welcome->session != 0 ? welcome : std::nullopt;
}

std::optional<ParsedHeader> parse_frame(Bytes message, std::size_t payload_bytes, std::size_t note_bytes) {
    const auto header = load<FrameHeader>(message);
    if (!header || !is_valid(*header) || message.size() - sizeof *header != header->stream_bytes) return std::nullopt;
    if (header->payload_bytes != payload_bytes || header->note_bytes != note_bytes) return std::nullopt;
    const std::string_view stream = text_after(message, sizeof *header);
    if (stream.empty() || !is_stream(stream)) return std::nullopt;
    return ParsedHeader{*header, std::string(stream)};
}

std::uint64_t session_of(Bytes message) noexcept {
    const auto header = load<FrameHeader>(message);
    return header ? header->session : 0;
}

std::vector<std::uint8_t> serialise_want(Want want, std::string_view stream) {
    if (!is_valid(want)) refuse("credits must be 1 to " + std::to_string(kMaxFrameCredits));
    if (!is_stream(stream)) refuse("a stream id has at most 128 bytes of UTF-8");
    want.stream_bytes = static_cast<std::uint32_t>(stream.size());
    return bytes_of(want, stream);
}

std::vector<std::uint8_t> serialise_frame_welcome(std::uint64_t session) {
    return bytes_of(FrameWelcome{.session = session});
}

std::vector<std::uint8_t> serialise_frame(FrameHeader header, std::string_view stream) {
    if (stream.empty() || !is_stream(stream)) refuse("a stream id has 1 to 128 bytes of UTF-8");
    if (!is_valid(header)) {
        refuse("a frame to send has sides of 1 to " + std::to_string(kMaxSide) +
               " pixels, a payload of its size, and a note of at most " + std::to_string(kMaxNote) + " bytes");
    }
    header.stream_bytes = static_cast<std::uint32_t>(stream.size());
    return bytes_of(header, stream);
}

}  // namespace framehop::wire
