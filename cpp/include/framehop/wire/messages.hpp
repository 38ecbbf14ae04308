// The hop's messages as bytes, version 2: little-endian, fixed layout, no padding, reserved bytes zero. Any change of a
// layout needs a new kVersion and new golden bytes in the tests.
//
//     worker -> detector   Hello + path            which ring this worker writes
//                          Descriptor × 1..4096    pictures to look at
//     detector -> worker   Welcome                 which incarnation, how many descriptors may be unanswered
//                          ReplyHeader + Box × n   or + text, when the status is not ok
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace framehop::wire {

static_assert(std::endian::native == std::endian::little, "messages are the structs' own bytes: a port must swap them");

inline constexpr std::uint32_t kMagic = 0x504F'4846;  // "FHOP"
inline constexpr std::uint16_t kVersion = 2;

inline constexpr std::size_t kMaxDescriptors = 4096;  // in one message, and unanswered at once
inline constexpr std::size_t kMaxBoxes = 4096;
inline constexpr std::size_t kMaxText = 1024;
inline constexpr std::size_t kMaxPath = 107;          // sun_path without its NUL
inline constexpr std::uint32_t kMaxSide = 65'535;     // pixels; the largest JPEG
inline constexpr std::uint32_t kBytesPerPixel = 3;    // slots hold RGB
inline constexpr std::uint32_t kMaxStride = 1 << 18;  // above kMaxSide pixels, with room for padded rows

enum class Kind : std::uint16_t { hello = 1, welcome = 2, frames = 3, reply = 4 };

enum class Status : std::uint32_t {
    ok = 0,
    stale = 1,   // the slot holds another picture by now
    failed = 2,  // the text says why
};

struct Preamble {
    std::uint32_t magic = kMagic;
    std::uint16_t version = kVersion;
    Kind kind{};
};

struct Hello {
    Preamble preamble{.kind = Kind::hello};
    std::uint64_t ring_id = 0;
    std::uint32_t path_bytes = 0;
    std::uint32_t reserved = 0;
};

struct Welcome {
    Preamble preamble{.kind = Kind::welcome};
    std::uint64_t detector_id = 0;  // never 0
    std::uint32_t credits = 0;      // 1..kMaxDescriptors
    std::uint32_t reserved = 0;
};

struct Descriptor {
    Preamble preamble{.kind = Kind::frames};
    std::uint64_t detector_id = 0;  // from the welcome, so that a successor at the same address refuses the message
    std::uint64_t ring_id = 0;
    std::uint64_t sent_ns = 0;  // CLOCK_MONOTONIC
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    std::uint32_t source_width = 0;  // pixels of the source picture, before scaling in the decoder
    std::uint32_t source_height = 0;
    std::uint32_t width = 0;  // pixels in the slot
    std::uint32_t height = 0;
    std::uint32_t stride = 0;  // bytes per row
    std::uint32_t reserved = 0;
};

struct ReplyHeader {
    Preamble preamble{.kind = Kind::reply};
    std::uint64_t ring_id = 0;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    Status status = Status::ok;
    std::uint32_t batch_size = 0;
    std::uint32_t hop_us = 0;
    std::uint32_t wait_us = 0;
    std::uint32_t preprocess_us = 0;
    std::uint32_t infer_us = 0;
    std::uint32_t postprocess_us = 0;
    std::uint32_t box_count = 0;   // 0 unless ok
    std::uint32_t text_bytes = 0;  // 0 if ok; UTF-8
    std::uint32_t model = 0;       // the detector's number for the model that ran, from 1; 0 when none did
};

struct Box {
    float x1 = 0;  // source pixels, finite
    float y1 = 0;
    float x2 = 0;
    float y2 = 0;
    float confidence = 0;  // 0..1
    std::int32_t label_id = 0;
    std::uint32_t reserved[2] = {0, 0};
};

template <class Layout, std::size_t bytes>
inline constexpr bool kIsLayout =
    sizeof(Layout) == bytes && std::is_trivially_copyable_v<Layout> && std::is_standard_layout_v<Layout>;

static_assert(kIsLayout<Preamble, 8>);
static_assert(kIsLayout<Hello, 24> && offsetof(Hello, path_bytes) == 16);
static_assert(kIsLayout<Welcome, 24> && offsetof(Welcome, credits) == 16);
static_assert(kIsLayout<Descriptor, 64> && offsetof(Descriptor, slot) == 32 && offsetof(Descriptor, reserved) == 60);
static_assert(kIsLayout<ReplyHeader, 64> && offsetof(ReplyHeader, slot) == 16 && offsetof(ReplyHeader, model) == 60);
static_assert(kIsLayout<Box, 32> && offsetof(Box, label_id) == 20);

// The most that a peer may send; longer messages end its connection.
inline constexpr std::size_t kMaxToDetector = kMaxDescriptors * sizeof(Descriptor);
inline constexpr std::size_t kMaxToWorker = sizeof(ReplyHeader) + kMaxBoxes * sizeof(Box);

}  // namespace framehop::wire
