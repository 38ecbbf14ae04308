#include <gtest/gtest.h>

#include "codec_pictures.hpp"
#include "framehop/codec/access_unit.hpp"

namespace framehop::codec {
namespace {

using testing::Buffer;
using testing::error_of;

Buffer stream(std::initializer_list<Buffer> units) {
    Buffer bytes;
    for (const Buffer& unit : units) {
        bytes.insert(bytes.end(), {0, 0, 0, 1});
        bytes.insert(bytes.end(), unit.begin(), unit.end());
    }
    return bytes;
}

const Buffer kSps{0x67, 0x42, 0x00, 0x1E};
const Buffer kPps{0x68, 0xCE};
const Buffer kIdr{0x65, 0x88, 0x84};
const Buffer kReference{0x41, 0x9A};
const Buffer kDisposable{0x01, 0x9E};

TEST(AccessUnit, a_key_frame_of_h264) {
    EXPECT_EQ(
        read_access_unit(VideoCodec::h264, stream({kSps, kPps, kIdr})),
        (AccessUnit{.has_picture = true, .keyframe = true, .clean = true, .reference = true, .parameter_sets = true}));
}

TEST(AccessUnit, pictures_that_others_need_and_that_none_needs) {
    EXPECT_EQ(read_access_unit(VideoCodec::h264, stream({kReference})),
              (AccessUnit{.has_picture = true, .reference = true}));
    EXPECT_EQ(read_access_unit(VideoCodec::h264, stream({kDisposable})), (AccessUnit{.has_picture = true}));
}

TEST(AccessUnit, only_all_parameter_sets_together_count) {
    EXPECT_FALSE(read_access_unit(VideoCodec::h264, stream({kSps, kIdr})).parameter_sets);
    EXPECT_FALSE(read_access_unit(VideoCodec::h265, stream({{0x42, 1}, {0x44, 1}, {0x26, 1}})).parameter_sets);
    EXPECT_TRUE(
        read_access_unit(VideoCodec::h265, stream({{0x40, 1}, {0x42, 1}, {0x44, 1}, {0x26, 1}})).parameter_sets);
}

TEST(AccessUnit, a_recovery_point_is_a_key_frame_only_where_nothing_has_to_follow) {
    const Buffer now{0x06, 0x06, 0x01, 0xC4, 0x80};                       // recovery_frame_cnt 0
    const Buffer later{0x06, 0x06, 0x01, 0x24, 0x80};                     // recovery_frame_cnt 3
    const Buffer behind{0x06, 0x05, 0x02, 9, 9, 0x06, 0x01, 0xC4, 0x80};  // after a message of another kind
    const AccessUnit open{.has_picture = true, .keyframe = true, .reference = true};
    EXPECT_EQ(read_access_unit(VideoCodec::h264, stream({now, kReference})), open);
    EXPECT_EQ(read_access_unit(VideoCodec::h264, stream({behind, kReference})), open);
    EXPECT_FALSE(read_access_unit(VideoCodec::h264, stream({later, kReference})).keyframe);
    EXPECT_FALSE(read_access_unit(VideoCodec::h264, stream({now})).keyframe) << "there is no picture";
}

TEST(AccessUnit, kinds_of_h265) {
    const auto of = [](std::uint32_t type) {
        return read_access_unit(VideoCodec::h265, stream({{static_cast<std::uint8_t>(type << 1), 1, 0xAA}}));
    };
    EXPECT_EQ(of(19), (AccessUnit{.has_picture = true, .keyframe = true, .clean = true, .reference = true}));
    EXPECT_EQ(of(21), (AccessUnit{.has_picture = true, .keyframe = true, .reference = true}));
    EXPECT_EQ(of(8), (AccessUnit{.has_picture = true, .leading = true}));
    EXPECT_EQ(of(9), (AccessUnit{.has_picture = true, .reference = true, .leading = true}));
    EXPECT_EQ(of(0), (AccessUnit{.has_picture = true}));
    EXPECT_EQ(of(1), (AccessUnit{.has_picture = true, .reference = true}));
    EXPECT_EQ(of(35), AccessUnit{}) << "a delimiter";
}

TEST(AccessUnit, start_codes_of_three_bytes_and_zeros_around_them) {
    const Buffer bytes{0, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 3, 0, 0};
    EXPECT_EQ(
        read_access_unit(VideoCodec::h264, bytes),
        (AccessUnit{.has_picture = true, .keyframe = true, .clean = true, .reference = true, .parameter_sets = true}));
}

TEST(AccessUnit, hostile_bytes_are_refused) {
    const auto refused = [](const Buffer& bytes, VideoCodec codec = VideoCodec::h264) {
        return error_of([&] { static_cast<void>(read_access_unit(codec, bytes)); }).first;
    };
    EXPECT_EQ(refused({}), "corrupt_picture");
    EXPECT_EQ(refused({0, 0, 1}), "corrupt_picture");
    EXPECT_EQ(refused({0, 0, 0, 7, 0x65, 1}), "corrupt_picture") << "lengths in place of start codes, as in mp4";
    EXPECT_EQ(refused({9, 0, 0, 1, 0x65, 1}), "corrupt_picture");
    EXPECT_EQ(refused({0, 0, 1, 0xE5, 1}), "corrupt_picture") << "the forbidden bit";
    EXPECT_EQ(refused({0, 0, 1, 0x26}, VideoCodec::h265), "corrupt_picture") << "half a header";
    Buffer many;
    for (std::size_t k = 0; k <= kMaxUnits; ++k) many.insert(many.end(), {0, 0, 1, 0x09});
    EXPECT_EQ(refused(many), "corrupt_picture");
}

TEST(AccessUnit, messages_without_an_end_are_read_to_the_end_only) {
    EXPECT_FALSE(read_access_unit(VideoCodec::h264, stream({{0x06, 0xFF, 0xFF, 0xFF}, kReference})).keyframe);
    EXPECT_FALSE(read_access_unit(VideoCodec::h264, stream({{0x06, 0x05, 0xFF, 0xFF, 0x01}, kReference})).keyframe);
    EXPECT_FALSE(read_access_unit(VideoCodec::h264, stream({{0x06, 0x06, 0x05}, kReference})).keyframe);
}

}  // namespace
}  // namespace framehop::codec
