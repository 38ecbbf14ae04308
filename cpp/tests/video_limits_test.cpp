// A stream cannot take more pixels and memory than it is allowed, whatever it claims.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "video_decoding.hpp"

extern "C" {
#include <libavutil/mem.h>
}

namespace framehop::video {
namespace {

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

}  // namespace
}  // namespace framehop::video
