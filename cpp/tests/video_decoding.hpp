// Decodes made clips unit by unit, and tells which painted frame a picture is.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "framehop/video/decoder.hpp"
#include "video_clips.hpp"

namespace framehop::video {

using codec::VideoCodec;
using testing::Buffer;
using testing::Clip;
using testing::ClipOptions;

inline constexpr std::uint64_t kCap = 1 << 24;
inline constexpr char kBFrames[] = "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0:b-pyramid=none";

inline std::vector<std::uint8_t> rgb(const Picture& picture, Size size) {
    std::vector<std::uint8_t> pixels(std::size_t{3} * size.width * size.height);
    picture.write(codec::Orientation::upright,
                  {pixels.data(), size.width, size.height, size.width * 3, PixelFormat::rgb8});
    return pixels;
}

// Which painted frame a picture is: by the left edge of its bar in the middle row. -1 when there is no bar.
inline int frame_of(const Picture& picture) {
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

}  // namespace framehop::video
