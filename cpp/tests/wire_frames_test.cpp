#include <gtest/gtest.h>

#include <cstring>

#include "framehop/base/error.hpp"
#include "framehop/wire/frames.hpp"

namespace framehop::wire {
namespace {

using Message = std::vector<std::uint8_t>;

FrameHeader header_of_a_picture() {
    return {.session = 7,
            .number = 3,
            .skipped = 2,
            .epoch = 1'000'000,
            .seq = 42,
            .sent_us = 5,
            .payload_bytes = 24,
            .width = 4,
            .height = 2,
            .stride = 12,
            .note_bytes = 9};
}

TEST(FrameMessages, a_want_keeps_its_golden_bytes) {
    const Message message =
        serialise_want({.session = 1, .received = 2, .credits = 3, .delivery = Delivery::lossless}, "ab");
    const Message golden{0x46, 0x48, 0x46, 0x53, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,   0,
                         0,    0,    0,    3,    0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'};
    EXPECT_EQ(message, golden);
}

TEST(FrameMessages, a_frame_comes_back_as_it_was) {
    const auto parsed = parse_frame(serialise_frame(header_of_a_picture(), "gate-1"), 24, 9);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->stream, "gate-1");
    EXPECT_EQ(parsed->header.seq, 42);
    EXPECT_EQ(parsed->header.skipped, 2U);
}

TEST(FrameMessages, a_jpeg_has_no_rows) {
    FrameHeader header = header_of_a_picture();
    header.encoding = Encoding::jpeg;
    EXPECT_THROW(static_cast<void>(serialise_frame(header, "gate-1")), Error);
    header.stride = 0;
    EXPECT_TRUE(parse_frame(serialise_frame(header, "gate-1"), 24, 9));
}

struct Case {
    Encoding encoding;
    std::uint32_t width;
    std::uint32_t height;
    std::uint32_t stride;
    std::uint64_t payload;
    bool passes;
};

TEST(FrameMessages, a_picture_has_the_bytes_of_its_format) {
    const Case cases[] = {
        {Encoding::bgr8, 4, 2, 12, 24, true},
        {Encoding::bgr8, 4, 2, 16, 32, true},
        {Encoding::bgr8, 4, 2, 11, 22, false},
        {Encoding::gray8, 4, 2, 4, 8, true},
        {Encoding::gray8, 4, 2, 4, 12, false},
        {Encoding::i420, 4, 2, 4, 12, true},
        {Encoding::i420, 5, 3, 6, 30, true},
        {Encoding::i420, 5, 3, 6, 27, false},
        {Encoding::nv12, 5, 3, 5, 25, false},
        {Encoding::nv12, 5, 3, 8, 40, false},
        {Encoding::nv12, 5, 3, 6, 30, true},
        {Encoding::bytes, 300'000, 1, 300'000, 300'000, true},
        {Encoding::bytes, 30, 1, 31, 31, false},
        {Encoding::bytes, 15, 2, 15, 30, false},
        {Encoding::nv12, 70'000, 2, 70'000, 210'000, false},
        {static_cast<Encoding>(8), 4, 2, 12, 24, false},
        {static_cast<Encoding>(0x1'0001), 4, 2, 12, 24, false},
        {static_cast<Encoding>(0), 4, 2, 12, 24, false},
    };
    for (const Case& each : cases) {
        FrameHeader header = header_of_a_picture();
        header.encoding = each.encoding;
        header.width = each.width;
        header.height = each.height;
        header.stride = each.stride;
        header.payload_bytes = each.payload;
        const auto passes = [&] { return parse_frame(serialise_frame(header, "gate-1"), each.payload, 9).has_value(); };
        SCOPED_TRACE(static_cast<int>(each.encoding));
        if (each.passes) {
            EXPECT_TRUE(passes());
        } else {
            EXPECT_THROW(static_cast<void>(passes()), Error);
        }
    }
}

TEST(FrameMessages, a_header_that_does_not_match_its_parts_is_refused) {
    const Message message = serialise_frame(header_of_a_picture(), "gate-1");
    EXPECT_FALSE(parse_frame(message, 23, 9));
    EXPECT_FALSE(parse_frame(message, 24, 8));
    EXPECT_FALSE(parse_frame(Message(message.begin(), message.end() - 1), 24, 9));
}

template <class Parse>
void expect_no_cut_passes(const Message& message, Parse parse) {
    for (std::size_t size = 0; size < message.size(); ++size) {
        EXPECT_FALSE(parse(Bytes(message).first(size))) << size;
    }
}

TEST(FrameMessages, what_was_cut_short_is_refused) {
    expect_no_cut_passes(serialise_want({.credits = 1}, "gate-1"), [](Bytes bytes) { return parse_want(bytes); });
    expect_no_cut_passes(serialise_frame_welcome(9), [](Bytes bytes) { return parse_frame_welcome(bytes); });
    expect_no_cut_passes(serialise_frame(header_of_a_picture(), "gate-1"),
                         [](Bytes bytes) { return parse_frame(bytes, 24, 9); });
}

// The fields by their offset, each with a value that must not pass.
TEST(FrameMessages, a_frame_with_a_senseless_field_is_refused) {
    const Message whole = serialise_frame(header_of_a_picture(), "gate-1");
    const auto refuses = [&whole](std::size_t offset, auto value) {
        Message bad = whole;
        std::memcpy(bad.data() + offset, &value, sizeof value);
        return !parse_frame(bad, 24, 9);
    };
    EXPECT_TRUE(refuses(0, std::uint32_t{1}));
    EXPECT_TRUE(refuses(4, std::uint16_t{2}));
    EXPECT_TRUE(refuses(8, std::uint64_t{0}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, epoch), std::int64_t{-1}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, width), std::uint32_t{5}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, height), std::uint32_t{0}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, height), std::uint32_t{3}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, stride), std::uint32_t{0}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, encoding), std::uint32_t{8}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, encoding), std::uint32_t{6}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, encoding), std::uint32_t{0x1'0001}));
    EXPECT_TRUE(refuses(offsetof(FrameHeader, stream_bytes), std::uint32_t{200}));
    EXPECT_FALSE(refuses(offsetof(FrameHeader, number), std::uint64_t{4}));
}

TEST(FrameMessages, a_want_out_of_range_is_refused) {
    EXPECT_THROW(static_cast<void>(serialise_want({.credits = 0}, "")), Error);
    EXPECT_THROW(static_cast<void>(serialise_want({.credits = kMaxFrameCredits + 1}, "")), Error);
    EXPECT_THROW(static_cast<void>(serialise_want({.credits = 1}, std::string(kMaxStream + 1, 'a'))), Error);
    EXPECT_THROW(static_cast<void>(serialise_want({.credits = 1}, "\xff")), Error);
}

}  // namespace
}  // namespace framehop::wire
