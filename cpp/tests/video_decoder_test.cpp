#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "video_decoding.hpp"

// x265 leaks its own parameters; what is under test does not.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions();  // NOLINT
extern "C" const char* __lsan_default_suppressions() { return "leak:libx265"; }               // NOLINT

namespace framehop::video {
namespace {

constexpr char kOpenGroups[] = "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0:open-gop=1";

void expect_every_picture_is_its_own(const ClipOptions& options) {
    const Clip clip(options);
    Decoding run(options.codec);
    run.feed(clip, 0, clip.units().size());
    run.take_held();
    ASSERT_EQ(run.outcomes().size(), clip.units().size());
    const int bars = (options.width - 8) / 4;
    for (std::size_t k = 0; k < clip.units().size(); ++k) {
        ASSERT_EQ(run.result(k), Result::decoded) << k << ": " << run.outcomes().at(k).message;
        EXPECT_EQ(run.frame(k), clip.frames()[k] % bars) << "unit " << k;
    }
}

TEST(StreamDecoder, gives_each_unit_its_own_picture) { expect_every_picture_is_its_own({}); }

TEST(StreamDecoder, gives_each_unit_its_own_picture_with_b_frames) {
    expect_every_picture_is_its_own({.params = kBFrames});
}

TEST(StreamDecoder, gives_each_unit_its_own_picture_with_open_groups) {
    expect_every_picture_is_its_own({.frames = 60, .params = kOpenGroups});
}

TEST(StreamDecoder, gives_each_unit_its_own_picture_of_h265) {
    expect_every_picture_is_its_own(
        {.codec = VideoCodec::h265, .frames = 40, .params = "keyint=12:bframes=3:b-adapt=0"});
}

TEST(StreamDecoder, crops_to_what_is_shown) { expect_every_picture_is_its_own({.width = 150, .height = 90}); }

void expect_the_same_pictures_of_a_stalled_stream(const ClipOptions& options) {
    const Clip clip(options);
    Decoding whole(options.codec);
    whole.feed(clip, 0, clip.units().size());
    whole.take_held();
    Decoding stalled(options.codec);
    for (std::size_t k = 0; k < clip.units().size(); ++k) {
        stalled.feed(clip.units()[k], k, clip.frames()[k]);
        if (k % 5 != 4) continue;
        stalled.take_held();  // within groups, between pictures that need each other
        EXPECT_EQ(stalled.outcomes().size(), k + 1);
    }
    stalled.take_held();
    for (std::size_t k = 0; k < clip.units().size(); ++k) {
        ASSERT_EQ(stalled.result(k), Result::decoded);
        const Size size = whole.outcomes().at(k).picture->size();
        EXPECT_EQ(rgb(*stalled.outcomes().at(k).picture, size), rgb(*whole.outcomes().at(k).picture, size)) << k;
    }
    EXPECT_EQ(stalled.decoder().held(), 0U);
}

TEST(StreamDecoder, a_stalled_stream_gives_what_was_held_and_goes_on) {
    expect_the_same_pictures_of_a_stalled_stream({.frames = 36, .params = kBFrames});
}

// x264 encodes the same with a crop and without, and the clip's colours are the same everywhere.
TEST(StreamDecoder, begins_where_the_stream_says) {
    constexpr std::uint32_t kLeft = 6;
    constexpr std::uint32_t kTop = 4;
    const ClipOptions all{.frames = 3};
    Decoding whole;
    whole.feed(Clip(all), 0, 3);
    Decoding cropped;
    cropped.feed(Clip({.frames = 3, .params = all.params + ":crop-rect=6,4,0,0"}), 0, 3);
    for (std::uint64_t k = 0; k < 3; ++k) {
        const Picture& picture = *cropped.outcomes().at(k).picture;
        ASSERT_EQ(picture.size(), (Size{160 - kLeft, 96 - kTop}));
        const auto found = rgb(picture, picture.size());
        const auto from = rgb(*whole.outcomes().at(k).picture, {160, 96});
        for (std::size_t y = 0; y < 96 - kTop; ++y) {
            const std::size_t row = 3 * std::size_t{160 - kLeft};
            const auto* expected = from.data() + 3 * ((y + kTop) * 160 + kLeft);
            ASSERT_TRUE(std::equal(expected, expected + row, found.data() + y * row)) << "row " << y << " of " << k;
        }
    }
}

TEST(StreamDecoder, what_was_held_is_cropped_on_all_sides) {
    for (const char* crop : {":crop-rect=32,8,6,2", ":crop-rect=2,2,0,0"}) {
        expect_the_same_pictures_of_a_stalled_stream({.frames = 36, .params = std::string(kBFrames) + crop});
    }
    expect_the_same_pictures_of_a_stalled_stream(
        {.codec = VideoCodec::h265, .width = 150, .height = 90, .frames = 36, .params = kBFrames});
}

TEST(StreamDecoder, what_comes_before_the_first_key_frame_is_named_so) {
    const Clip clip({.frames = 30});
    Decoding run;
    run.feed(clip, 3, 20);
    run.take_held();
    for (std::size_t k = 3; k < 10; ++k) EXPECT_EQ(run.result(k), Result::no_keyframe) << k;
    for (std::size_t k = 10; k < 20; ++k) EXPECT_EQ(run.frame(k), clip.frames()[k]) << k;
}

// Nothing may be shown that was guessed: after the beginning at an open group its leading pictures have no references.
TEST(StreamDecoder, leading_pictures_of_an_open_group_are_not_guessed) {
    for (const VideoCodec codec : {VideoCodec::h264, VideoCodec::h265}) {
        const Clip clip({.codec = codec, .frames = 48, .params = kOpenGroups});
        const auto second = std::ranges::find_if(clip.units().begin() + 1, clip.units().end(), [&](const Buffer& unit) {
            return codec::read_access_unit(codec, unit).keyframe;
        });
        ASSERT_NE(second, clip.units().end());
        const auto begin = static_cast<std::size_t>(second - clip.units().begin());
        ASSERT_FALSE(codec::read_access_unit(codec, *second).clean);
        Decoding run(codec);
        run.feed(clip, begin, clip.units().size());
        run.take_held();
        for (std::size_t k = begin; k < clip.units().size(); ++k) {
            const bool leading = k > begin && clip.frames()[k] < clip.frames()[begin];
            ASSERT_EQ(run.result(k) == Result::decoded, !leading) << "unit " << k;
            EXPECT_EQ(leading ? -1 : run.frame(k), leading ? -1 : clip.frames()[k] % 38);
        }
    }
}

// In a long group the encoder orders older pictures to be dropped, which a decoder that begins here never had.
TEST(StreamDecoder, a_beginning_at_a_long_open_group_gives_what_follows_at_once) {
    for (const VideoCodec codec : {VideoCodec::h264, VideoCodec::h265}) {
        const Clip clip(
            {.codec = codec, .frames = 130, .params = "keyint=60:scenecut=0:bframes=3:b-adapt=0:open-gop=1"});
        const auto second = std::ranges::find_if(clip.units().begin() + 1, clip.units().end(), [&](const Buffer& unit) {
            return codec::read_access_unit(codec, unit).keyframe;
        });
        const auto begin = static_cast<std::size_t>(second - clip.units().begin());
        ASSERT_LT(begin, clip.units().size());
        Decoding run(codec);
        for (std::size_t k = begin; k < clip.units().size(); ++k) {
            run.feed(clip.units()[k], k, clip.frames()[k]);
            run.take_held();
            if (clip.frames()[k] < clip.frames()[begin]) continue;
            ASSERT_EQ(run.result(k), Result::decoded) << k << ": " << run.outcomes().at(k).message;
            EXPECT_EQ(run.frame(k), clip.frames()[k] % 38) << k;
        }
    }
}

TEST(StreamDecoder, a_new_size_in_mid_stream_is_decoded) {
    const Clip small({.frames = 10, .params = kBFrames});
    const Clip large({.width = 320, .height = 240, .frames = 10, .params = kBFrames});
    Decoding run;
    run.feed(small, 0, 10);
    for (std::size_t k = 0; k < 10; ++k) run.feed(large.units()[k], 100 + k, 100 + large.frames()[k]);
    run.take_held();
    EXPECT_EQ(run.outcomes().size(), 20U);
    for (std::size_t k = 0; k < 10; ++k) {
        EXPECT_EQ(run.outcomes().at(k).picture->size(), (Size{160, 96}));
        EXPECT_EQ(run.outcomes().at(100 + k).picture->size(), (Size{320, 240}));
    }
}

TEST(StreamDecoder, many_streams_side_by_side_give_the_same_pictures) {
    const Clip clip({.frames = 24, .params = kBFrames});
    Decoding alone;
    alone.feed(clip, 0, 24);
    alone.take_held();
    std::vector<std::thread> threads;
    std::vector<int> same(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            Decoding run;
            run.feed(clip, 0, 24);
            run.take_held();
            for (std::size_t k = 0; k < 24; ++k) same[static_cast<std::size_t>(t)] += run.frame(k) == alone.frame(k);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(same, (std::vector<int>(4, 24)));
}

TEST(Picture, outlives_its_decoder_and_scales_and_turns) {
    const Clip clip({.frames = 3});
    std::vector<Outcome> outcomes;
    {
        StreamDecoder decoder(VideoCodec::h264, {.pixels = kCap});
        decoder.decode(clip.units()[0], 0, 0, outcomes);
        decoder.take_held(outcomes);
    }
    const Picture& picture = *outcomes.at(0).picture;
    EXPECT_EQ(rgb(picture, {80, 48}).size(), 80U * 48 * 3);
    std::vector<std::uint8_t> turned(std::size_t{3} * 96 * 160);
    picture.write(codec::Orientation::quarter_turn, {turned.data(), 96, 160, 96 * 3, PixelFormat::rgb8});
    const std::vector<std::uint8_t> upright = rgb(picture, {160, 96});
    EXPECT_EQ(turned[3 * 95], upright[0]) << "the first pixel goes to the right end of the first row";
}

TEST(Picture, the_range_of_the_stream_is_heeded) {
    const Clip limited({.frames = 1});
    const Clip full({.frames = 1, .full_range = true});
    const auto dark = [](const Clip& clip) {
        Decoding run;
        run.feed(clip, 0, 1);
        run.take_held();
        return static_cast<int>(rgb(*run.outcomes().at(0).picture, {160, 96})[3 * 100]);
    };
    EXPECT_NEAR(dark(full), 60, 3);
    EXPECT_NEAR(dark(limited), (60 - 16) * 255 / 219, 3);
}

TEST(StreamDecoder, refuses_limits_of_nothing) {
    EXPECT_THROW(StreamDecoder(VideoCodec::h264, {.pixels = 0}), Error);
    EXPECT_THROW(StreamDecoder(VideoCodec::h264, {.bytes = 0}), Error);
}

}  // namespace
}  // namespace framehop::video
