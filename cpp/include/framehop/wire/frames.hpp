// The messages between a sender of frames and its receivers on other hosts, version 1: little-endian, fixed layout, no
// padding, reserved bytes zero. Any change of a layout needs a new kFrameVersion and new golden bytes in the tests.
// framehop/hop/messages.py reads and writes the same bytes.
//
//     receiver -> sender   Want + stream             how many frames came, and how many may be on their way
//     sender -> receiver   FrameWelcome              the session that further wants name
//                          FrameHeader + stream, payload, note   one frame, in three parts
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framehop/base/pixel_format.hpp"
#include "framehop/wire/parse.hpp"

namespace framehop::wire {

inline constexpr std::uint32_t kFrameMagic = 0x5346'4846;  // "FHFS"
inline constexpr std::uint16_t kFrameVersion = 1;

inline constexpr std::uint32_t kMaxFrameCredits = 64;
inline constexpr std::size_t kMaxStream = 128;    // bytes of UTF-8
inline constexpr std::size_t kMaxNote = 1 << 20;  // an event with all its boxes
inline constexpr std::uint64_t kMaxPayload = std::uint64_t{1} << 32;

enum class FrameKind : std::uint16_t { want = 1, welcome = 2, frame = 3 };

enum class Delivery : std::uint32_t {
    latest = 1,    // each credit is answered with the newest frame; those between are counted
    lossless = 2,  // the sender waits while there is no credit
};

// A receiver that does not know an encoding drops the frame as malformed, and asks for the next.
enum class Encoding : std::uint32_t {
    rgb8 = 1,  // as PixelFormat of base/pixel_format.hpp has them, `stride` bytes from one row to the next
    jpeg = 2,  // stride 0
    bgr8 = 3,
    gray8 = 4,
    i420 = 5,
    nv12 = 6,
    bytes = 7,  // height 1; width and stride are their number, which may be above kMaxSide
};

// Returns the format of pixels that are not a JPEG's. Check it by is_known: a message may name one that does not exist.
[[nodiscard]] constexpr PixelFormat format_of(Encoding encoding) noexcept { return static_cast<PixelFormat>(encoding); }
[[nodiscard]] constexpr Encoding encoding_of(PixelFormat format) noexcept { return static_cast<Encoding>(format); }
static_assert(encoding_of(PixelFormat::rgb8) == Encoding::rgb8 && encoding_of(PixelFormat::bgr8) == Encoding::bgr8);
static_assert(encoding_of(PixelFormat::gray8) == Encoding::gray8 && encoding_of(PixelFormat::i420) == Encoding::i420);
static_assert(encoding_of(PixelFormat::nv12) == Encoding::nv12 && encoding_of(PixelFormat::bytes) == Encoding::bytes);
static_assert(!is_known(format_of(Encoding::jpeg)));

struct FramePreamble {
    std::uint32_t magic = kFrameMagic;
    std::uint16_t version = kFrameVersion;
    FrameKind kind{};
};

// Every want says all there is to say, so that a lost one does no harm. Receivers send one when they are ready for the
// next frame, and at least once a second.
struct Want {
    FramePreamble preamble{.kind = FrameKind::want};
    std::uint64_t session = 0;   // from the welcome; 0 before it
    std::uint64_t received = 0;  // frames of this session that the receiver is done with
    std::uint32_t credits = 0;   // 1..kMaxFrameCredits frames beyond those may be on their way
    Delivery delivery = Delivery::latest;
    std::uint32_t stream_bytes = 0;  // 0: frames of every stream
    std::uint32_t reserved = 0;
};

struct FrameWelcome {
    FramePreamble preamble{.kind = FrameKind::welcome};
    std::uint64_t session = 0;  // never 0
};

struct FrameHeader {
    FramePreamble preamble{.kind = FrameKind::frame};
    std::uint64_t session = 0;
    std::uint64_t number = 0;   // of this session, from 0
    std::uint64_t skipped = 0;  // frames of this session that were not sent, as newer ones came first
    std::int64_t epoch = 0;
    std::int64_t seq = 0;
    std::int64_t sent_us = 0;  // microseconds since 1970, by the sender's clock
    std::uint64_t payload_bytes = 0;
    std::uint32_t width = 0;  // pixels
    std::uint32_t height = 0;
    std::uint32_t stride = 0;
    Encoding encoding = Encoding::rgb8;
    std::uint32_t stream_bytes = 0;  // 1..kMaxStream
    std::uint32_t note_bytes = 0;
};

static_assert(kIsLayout<FramePreamble, 8>);
static_assert(kIsLayout<Want, 40> && offsetof(Want, credits) == 24);
static_assert(kIsLayout<FrameWelcome, 16>);
static_assert(kIsLayout<FrameHeader, 88> && offsetof(FrameHeader, payload_bytes) == 56);

inline constexpr std::size_t kMaxToSender = sizeof(Want) + kMaxStream;

struct ParsedWant {
    Want want;
    std::string stream;
};

struct ParsedHeader {
    FrameHeader header;
    std::string stream;
};

// Each checks every field before it is used, and gives nullopt for anything wrong. Thread-safe.
[[nodiscard]] std::optional<ParsedWant> parse_want(Bytes message);
[[nodiscard]] std::optional<FrameWelcome> parse_frame_welcome(Bytes message) noexcept;
// The first part of a frame, against the sizes of the two others.
[[nodiscard]] std::optional<ParsedHeader> parse_frame(Bytes message, std::size_t payload_bytes, std::size_t note_bytes);

// The session that a frame's first part names, whatever else it says; 0 if it is none of this version.
[[nodiscard]] std::uint64_t session_of(Bytes message) noexcept;

// Throws Errc::invalid_argument for values that parsing would refuse.
[[nodiscard]] std::vector<std::uint8_t> serialise_want(Want want, std::string_view stream);
[[nodiscard]] std::vector<std::uint8_t> serialise_frame_welcome(std::uint64_t session);
[[nodiscard]] std::vector<std::uint8_t> serialise_frame(FrameHeader header, std::string_view stream);

}  // namespace framehop::wire
