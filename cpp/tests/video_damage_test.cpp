// Damage fails its picture and what needs it, and heals at the next key frame.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "video_decoding.hpp"

namespace framehop::video {
namespace {

TEST(StreamDecoder, a_missing_unit_fails_what_needs_it_until_the_next_key_frame) {
    for (const VideoCodec codec : {VideoCodec::h264, VideoCodec::h265}) {
        const Clip clip({.codec = codec, .frames = 30, .params = "keyint=10:min-keyint=10:scenecut=0:bframes=0:ref=1"});
        Decoding run(codec);
        run.feed(clip, 0, 4);
        run.feed(clip, 5, 30);  // nobody says that unit 4 is missing
        run.take_held();
        for (const std::size_t k : {5U, 6U, 9U}) EXPECT_EQ(run.result(k), Result::failed) << k;
        for (std::size_t k = 10; k < 30; ++k) EXPECT_EQ(run.frame(k), clip.frames()[k]) << k;
    }
}

TEST(StreamDecoder, a_gap_that_is_told_does_the_same) {
    const Clip clip({.frames = 30});
    Decoding run;
    run.feed(clip, 0, 4);
    run.decoder().note_gap();
    run.feed(clip, 5, 30);
    run.take_held();
    for (std::size_t k = 5; k < 10; ++k) EXPECT_EQ(run.result(k), Result::failed);
    EXPECT_NE(run.outcomes().at(5).message.find("frames are missing"), std::string::npos);
    for (std::size_t k = 10; k < 30; ++k) EXPECT_EQ(run.result(k), Result::decoded);
}

TEST(StreamDecoder, damage_fails_its_picture_and_what_needs_it) {
    const Clip clip({.width = 320, .height = 240, .frames = 30});
    for (const std::size_t victim : {0U, 10U, 14U}) {
        Buffer damaged = clip.units()[victim];
        for (std::size_t at = damaged.size() / 2; at < damaged.size() * 3 / 4; ++at) damaged[at] ^= 0x55U;
        Decoding run;
        run.feed(clip, 0, victim);
        run.feed(damaged, victim, clip.frames()[victim]);
        run.feed(clip, victim + 1, 30);
        run.take_held();
        EXPECT_EQ(run.result(victim), Result::failed) << victim;
        EXPECT_EQ(run.outcomes().at(victim).error, Errc::corrupt_picture);
        for (std::size_t k = 0; k < 30; ++k) {
            const bool hurt = k >= victim && k / 10 == victim / 10;
            EXPECT_EQ(run.result(k) == Result::decoded, !hurt) << k << " after damage in " << victim;
        }
    }
}

TEST(StreamDecoder, a_truncated_unit_fails) {
    const Clip clip({.width = 320, .height = 240, .frames = 12});
    Buffer cut = clip.units()[5];
    cut.resize(cut.size() * 2 / 3);
    Decoding run;
    run.feed(clip, 0, 5);
    run.feed(cut, 5, 5);
    run.feed(clip, 6, 12);
    run.take_held();
    EXPECT_EQ(run.result(5), Result::failed);
    EXPECT_EQ(run.result(6), Result::failed);
    EXPECT_EQ(run.result(10), Result::decoded);
}

// Only of H.264: libx265 writes beyond its own memory when it is asked for slices. tests/unit/test_decode_slices.py has
// H.265 by another version of it.
std::vector<std::pair<std::size_t, std::size_t>> slices_of(const Buffer& unit) {
    std::vector<std::size_t> starts;
    for (std::size_t at = 0; at + 3 < unit.size(); ++at) {
        if (unit[at] == 0 && unit[at + 1] == 0 && unit[at + 2] == 1) starts.push_back(at);
    }
    starts.push_back(unit.size());
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (std::size_t k = 0; k + 1 < starts.size(); ++k) {
        if ((unit[starts[k] + 3] & 31U) <= 5) found.emplace_back(starts[k], starts[k + 1]);
    }
    return found;
}

// The unit without one of its four slices, as after a lost packet.
Buffer without_slice(const Buffer& unit, std::size_t slice) {
    const auto slices = slices_of(unit);
    EXPECT_EQ(slices.size(), 4U);
    const auto [begin, end] = slices.at(slice);
    Buffer rest(unit.begin(), unit.begin() + static_cast<std::ptrdiff_t>(begin));
    rest.insert(rest.end(), unit.begin() + static_cast<std::ptrdiff_t>(end), unit.end());
    return rest;
}

TEST(StreamDecoder, a_picture_that_lacks_a_slice_fails_and_so_does_what_needs_it) {
    const Clip clip(
        {.width = 320, .height = 256, .frames = 20, .params = "keyint=10:min-keyint=10:scenecut=0:bframes=0:slices=4"});
    for (const std::size_t slice : {0U, 1U, 3U}) {
        Decoding run;
        run.feed(clip, 0, 4);
        run.feed(without_slice(clip.units()[4], slice), 4, clip.frames()[4]);
        run.feed(clip, 5, 20);
        run.take_held();
        for (std::size_t k = 0; k < 20; ++k) {
            EXPECT_EQ(run.result(k), k >= 4 && k < 10 ? Result::failed : Result::decoded) << k << " slice " << slice;
        }
    }
}

TEST(StreamDecoder, what_lacks_a_slice_is_not_given_when_a_stream_stalls) {
    const Clip clip({.width = 320,
                     .height = 256,
                     .frames = 20,
                     .params = "keyint=10:min-keyint=10:scenecut=0:bframes=2:b-adapt=0:slices=4"});
    for (const std::size_t at : {1U, 2U}) {
        Decoding run;
        run.feed(clip, 0, at);
        run.feed(without_slice(clip.units()[at], 3), at, clip.frames()[at]);
        run.take_held();
        EXPECT_EQ(run.result(at), Result::failed) << at;
    }
}

TEST(StreamDecoder, garbage_is_refused_and_heals_at_the_next_key_frame) {
    const Clip clip({.frames = 30});
    Decoding run;
    run.feed(clip, 0, 5);
    run.feed(Buffer(1000, 0x42), 5, 5);
    run.feed(Buffer{}, 6, 6);
    run.feed(clip, 7, 30);
    run.take_held();
    EXPECT_EQ(run.outcomes().at(5).error, Errc::corrupt_picture);
    EXPECT_EQ(run.result(6), Result::failed);
    EXPECT_EQ(run.result(7), Result::failed);
    for (std::size_t k = 10; k < 30; ++k) EXPECT_EQ(run.result(k), Result::decoded);
}

}  // namespace
}  // namespace framehop::video
