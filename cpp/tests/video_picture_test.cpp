#include <gtest/gtest.h>

extern "C" {
#include <libavutil/frame.h>
}

#include <algorithm>
#include <cstring>
#include <vector>

#include "framehop/image/preprocess.hpp"
#include "framehop/video/decoder.hpp"

namespace framehop::video {
namespace {

constexpr std::uint8_t kGuard = 201;
constexpr std::size_t kBeyond = 512;  // bytes behind the last row

// A grey frame, in the full range, whose columns get brighter from `first` on, by `step` every one.
Picture grey(int width, int height, int first, int step = 0) {
    const Picture::Frame frame(av_frame_alloc());
    frame->format = AV_PIX_FMT_YUV420P;
    frame->color_range = AVCOL_RANGE_JPEG;
    frame->width = width;
    frame->height = height;
    EXPECT_EQ(av_frame_get_buffer(frame.get(), 0), 0);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            frame->data[0][y * frame->linesize[0] + x] = static_cast<std::uint8_t>(first + step * x);
        }
    }
    for (const int plane : {1, 2}) {
        std::memset(frame->data[plane], 128,
                    static_cast<std::size_t>(frame->linesize[plane]) * static_cast<std::size_t>((height + 1) / 2));
    }
    return Picture(*frame);
}

std::vector<std::uint8_t> written(const Picture& picture, Size size) {
    std::vector<std::uint8_t> memory(codec::rgb_bytes(size) + kBeyond, kGuard);
    picture.write(codec::Orientation::upright,
                  {memory.data(), size.width, size.height, size.width * 3, PixelFormat::rgb8});
    EXPECT_TRUE(std::all_of(memory.end() - kBeyond, memory.end(), [](std::uint8_t byte) { return byte == kGuard; }))
        << size.width << "x" << size.height << ": bytes behind the picture were written";
    memory.resize(memory.size() - kBeyond);
    return memory;
}

TEST(Picture, every_column_of_any_width_is_written_and_nothing_behind_it) {
    for (int width = 1; width < 100; ++width) {
        for (const int height : {1, 2, 17}) {
            const Size size{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)};
            const std::vector<std::uint8_t> pixels = written(grey(width, height, 90), size);
            const auto is_grey = [](std::uint8_t value) { return value >= 87 && value <= 93; };
            ASSERT_TRUE(std::ranges::all_of(pixels, is_grey)) << width << "x" << height;
        }
    }
}

TEST(Picture, scaled_it_is_what_the_kernel_makes_of_the_whole) {
    for (const auto& [width, height] : {std::pair{64, 48}, {90, 50}, {77, 31}}) {
        const Picture picture = grey(width, height, 20, 2);
        const Size whole{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)};
        const Size half{(whole.width + 1) / 2, (whole.height + 1) / 2};
        const std::vector<std::uint8_t> full = written(picture, whole);
        std::vector<std::uint8_t> expected(codec::rgb_bytes(half));
        const image::Preprocessor kernel({.width = half.width, .height = half.height});
        (void)kernel.run({full.data(), whole.width, whole.height, whole.width * 3}, expected);
        EXPECT_EQ(written(picture, half), expected) << width << "x" << height;
    }
}

}  // namespace
}  // namespace framehop::video
