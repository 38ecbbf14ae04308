#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "framehop/video/decoder.hpp"
#include "video_clips.hpp"

extern "C" {
#include <libavutil/mem.h>
}

// x265 leaks its own parameters; what is under test does not.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions();  // NOLINT
extern "C" const char* __lsan_default_suppressions() { return "leak:libx265"; }               // NOLINT

namespace framehop::video {
namespace {

using codec::VideoCodec;
using testing::Buffer;
using testing::Clip;
using testing::ClipOptions;

constexpr std::uint64_t kCap = 1 << 24;
constexpr char kBFrames[] = "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0:b-pyramid=none";
constexpr char kOpenGroups[] = "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0:open-gop=1";

std::vector<std::uint8_t> rgb(const Picture& picture, Size size) {
    std::vector<std::uint8_t> pixels(std::size_t{3} * size.width * size.height);
    picture.write(codec::Orientation::upright,
                  {pixels.data(), size.width, size.height, size.width * 3, PixelFormat::rgb8});
    return pixels;
}

// Which painted frame a picture is: by the left edge of its bar in the middle row. -1 when there is no bar.
int frame_of(const Picture& picture) {
    const Size size = picture.size();
    const std::vector<std::uint8_t> pixels = rgb(picture, size);
    const std::size_t row = std::size_t{size.height} / 2 * size.width * 3;
    for (std::uint32_t x = 0; x < size.width; ++x) {
        if (pixels[row + std::size_t{3} * x] > 150) return static_cast<int>((x + 2) / 4);
    }
    return -1;
}

class Decoding {
  public:
    explicit Decoding(VideoCodec codec = VideoCodec::h264) : decoder_(codec, {.pixels = kCap}) {}

    void feed(const Clip& clip, std::size_t from, std::size_t to) {
        for (std::size_t k = from; k < to; ++k) feed(clip.units()[k], k, clip.frames()[k]);
    }
    void feed(const Buffer& unit, std::uint64_t key, std::int64_t shown_at) {
        note([&](auto& found) { decoder_.decode(unit, key, shown_at, found); });
    }
    void take_held() {
        note([&](auto& found) { decoder_.take_held(found); });
    }
    [[nodiscard]] StreamDecoder& decoder() { return decoder_; }
    [[nodiscard]] const std::map<std::uint64_t, Outcome>& outcomes() const { return outcomes_; }
    [[nodiscard]] Result result(std::uint64_t key) const { return outcomes_.at(key).result; }
    [[nodiscard]] int frame(std::uint64_t key) const { return frame_of(*outcomes_.at(key).picture); }

  private:
    template <class Call>
    void note(Call call) {
        std::vector<Outcome> found;
        call(found);
        for (Outcome& outcome : found) {
            EXPECT_EQ(outcome.picture.has_value(), outcome.result == Result::decoded);
            const std::uint64_t key = outcome.key;
            EXPECT_TRUE(outcomes_.emplace(key, std::move(outcome)).second) << "two outcomes of unit " << key;
        }
    }

    StreamDecoder decoder_;
    std::map<std::uint64_t, Outcome> outcomes_;
};

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

TEST(StreamDecoder, a_picture_above_the_cap_is_refused_by_its_size) {
    const Clip clip({.width = 320, .height = 240, .frames = 3});
    StreamDecoder decoder(VideoCodec::h264, {.pixels = 320 * 240 - 1});
    std::vector<Outcome> outcomes;
    decoder.decode(clip.units()[0], 0, 0, outcomes);
    ASSERT_EQ(outcomes.size(), 1U);
    EXPECT_EQ(outcomes[0].error, Errc::picture_too_large) << outcomes[0].message;
}

TEST(StreamDecoder, keeps_within_its_memory) {
    constexpr char kMany[] = "keyint=20:min-keyint=20:scenecut=0:bframes=3:b-adapt=0:ref=8";
    const Clip clip({.width = 320, .height = 240, .frames = 40, .params = kMany});
    const auto decoded = [&](std::uint64_t limit) {
        StreamDecoder decoder(VideoCodec::h264, {.pixels = kCap, .bytes = limit});
        std::vector<Outcome> outcomes;
        for (std::size_t k = 0; k < 40; ++k) {
            decoder.decode(clip.units()[k], k, clip.frames()[k], outcomes);
            EXPECT_LE(decoder.bytes(), limit + (1 << 20));
        }
        decoder.take_held(outcomes);
        EXPECT_EQ(outcomes.size(), 40U);
        return std::pair(std::move(outcomes), decoder.bytes());
    };
    const auto [whole, needed] = decoded(std::uint64_t{1} << 30);
    EXPECT_EQ(std::ranges::count(whole, Result::decoded, &Outcome::result), 40);
    EXPECT_GT(needed, std::uint64_t{1} << 20);
    const auto [cut, taken] = decoded(std::uint64_t{3} * 320 * 240 * 2);
    EXPECT_GT(std::ranges::count(cut, std::optional(Errc::picture_too_large), &Outcome::error), 0);
    EXPECT_EQ(std::ranges::count(cut, Result::no_keyframe, &Outcome::result), 0);
    EXPECT_EQ(std::ranges::find(cut, 0U, &Outcome::key)->result, Result::decoded) << "a key frame needs no other";
}

TEST(StreamDecoder, a_lack_of_memory_costs_nothing_that_was_held) {
    const Clip clip({.frames = 12, .params = kBFrames});
    Decoding run;
    run.feed(clip, 0, 5);
    av_max_alloc(16);
    EXPECT_THROW(run.feed(clip, 5, 6), Error);
    av_max_alloc(std::numeric_limits<int>::max());
    run.take_held();
    EXPECT_EQ(run.outcomes().size(), 5U);
    for (std::size_t k = 0; k < 5; ++k) EXPECT_EQ(run.result(k), Result::decoded);
}

TEST(StreamDecoder, a_picture_that_is_kept_counts_after_its_decoder) {
    const Clip clip({.frames = 2});
    std::vector<Outcome> outcomes;
    {
        StreamDecoder decoder(VideoCodec::h264, {});
        decoder.decode(clip.units()[0], 0, 0, outcomes);
        decoder.take_held(outcomes);
    }
    EXPECT_EQ(frame_of(*outcomes.at(0).picture), 0);
}

// Bits of a parameter set, written as H.264 does.
class Bits {
  public:
    Bits& bit(std::uint32_t value) {
        if (used_++ % 8 == 0) bytes_.push_back(0);
        bytes_.back() = static_cast<std::uint8_t>(bytes_.back() | (value & 1U) << (7 - (used_ - 1) % 8));
        return *this;
    }
    Bits& bits(unsigned count, std::uint32_t value) {
        while (count-- > 0) bit(value >> count);
        return *this;
    }
    Bits& ue(std::uint32_t value) {
        unsigned length = 0;
        while ((value + 1) >> (length + 1) != 0) ++length;
        return bits(length, 0).bits(length + 1, value + 1);
    }
    [[nodiscard]] Buffer unit(std::uint8_t header) {
        bit(1);
        Buffer made{0, 0, 0, 1, header};
        made.insert(made.end(), bytes_.begin(), bytes_.end());
        return made;
    }

  private:
    Buffer bytes_;
    unsigned used_ = 0;
};

// A key frame of side x side that keeps 16 pictures: a parameter set that says so, and a slice of another clip.
Buffer giant(std::uint32_t side) {
    Bits set;
    set.bits(8, 66).bits(8, 0).bits(8, 52).ue(0).ue(0).ue(2).ue(16).bit(0);  // baseline, level 5.2
    set.ue(side / 16 - 1).ue(side / 16 - 1).bit(1).bit(1).bit(0).bit(0);
    Buffer unit = set.unit(0x67);
    const Clip clip({.frames = 1, .params = "keyint=1:cabac=0:8x8dct=0:bframes=0"});
    const Buffer& key = clip.units()[0];
    bool own = false;
    for (std::size_t at = 0; at + 3 < key.size(); ++at) {
        const bool begins = key[at] == 0 && key[at + 1] == 0 && key[at + 2] == 1;
        if (begins) own = (key[at + 3] & 0x1FU) != 7;
        if (own) unit.push_back(key[at]);
    }
    return unit;
}

TEST(StreamDecoder, a_parameter_set_that_claims_a_giant_is_refused_before_its_memory) {
    const auto refused = [](std::uint32_t side, const Limits& limits) {
        const Buffer unit = giant(side);
        EXPECT_TRUE(codec::read_access_unit(VideoCodec::h264, unit).keyframe);
        StreamDecoder decoder(VideoCodec::h264, limits);
        std::vector<Outcome> outcomes;
        for (std::uint64_t k = 0; k < 3; ++k) {
            decoder.decode(unit, k, static_cast<std::int64_t>(k), outcomes);
            EXPECT_LE(decoder.bytes(), std::uint64_t{65} << 20);
        }
        EXPECT_EQ(outcomes.size(), 3U);
        for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.error, Errc::picture_too_large) << outcome.message;
    };
    refused(16384, {.pixels = kCap});
    refused(8192, {.pixels = kCap});
    refused(16384, {.pixels = std::uint64_t{1} << 30});
    refused(8192, {.pixels = std::uint64_t{1} << 30, .bytes = std::uint64_t{64} << 20});
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
