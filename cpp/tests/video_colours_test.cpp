// Pictures in 4:2:0 have the pixels that libswscale gives them, whoever converts them.
#include <gtest/gtest.h>

extern "C" {
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "framehop/video/decoder.hpp"

namespace framehop::video {
namespace {

struct Look {
    int width;
    int height;
    AVColorSpace space = AVCOL_SPC_BT709;
    bool full_range = false;
    int gap = 0;  // bytes between two rows of a plane
};

// Planes of noise, each in memory of its own that ends with its last row, so that AddressSanitizer sees a look behind
// it.
Picture::Frame noise(const Look& look) {
    // NOLINTNEXTLINE(bugprone-random-generator-seed,cert-msc32-c,cert-msc51-cpp): the same each time
    std::mt19937 random(5);
    Picture::Frame frame(av_frame_alloc());
    frame->format = AV_PIX_FMT_YUV420P;
    frame->width = look.width;
    frame->height = look.height;
    frame->colorspace = look.space;
    frame->color_range = look.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    for (int plane = 0; plane < 3; ++plane) {
        const int columns = plane == 0 ? look.width : (look.width + 1) / 2;
        const int rows = plane == 0 ? look.height : (look.height + 1) / 2;
        const auto stride = std::ptrdiff_t{columns} + look.gap;
        frame->buf[plane] = av_buffer_alloc(static_cast<std::size_t>(stride * (rows - 1) + columns));
        frame->data[plane] = frame->buf[plane]->data;
        frame->linesize[plane] = columns + look.gap;
        for (int y = 0; y < rows; ++y) {
            for (int x = 0; x < columns; ++x) frame->data[plane][y * stride + x] = static_cast<std::uint8_t>(random());
        }
    }
    return frame;
}

// Has the rows of all planes go upwards in memory: the picture is upside down.
Picture::Frame upside_down(Picture::Frame frame) {
    for (int plane = 0; plane < 3; ++plane) {
        const int rows = plane == 0 ? frame->height : (frame->height + 1) / 2;
        frame->data[plane] += std::ptrdiff_t{frame->linesize[plane]} * (rows - 1);
        frame->linesize[plane] = -frame->linesize[plane];
    }
    return frame;
}

// By libswscale, into rows that have the room which its vector code wants; without that room.
std::vector<std::uint8_t> by_libswscale(const Look& look) {
    const Picture::Frame frame = noise(look);
    const int stride = (look.width + 63) / 32 * 32 * 3;
    std::vector<std::uint8_t> padded(static_cast<std::size_t>(stride) * static_cast<std::size_t>(look.height));
    SwsContext* scaler = sws_getContext(look.width, look.height, AV_PIX_FMT_YUV420P, look.width, look.height,
                                        AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr);
    sws_setColorspaceDetails(scaler, sws_getCoefficients(look.space), look.full_range ? 1 : 0,
                             sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    std::uint8_t* planes[4] = {padded.data()};
    const int strides[4] = {stride};
    sws_scale(scaler, frame->data, frame->linesize, 0, look.height, planes, strides);
    sws_freeContext(scaler);
    std::vector<std::uint8_t> pixels;
    for (int y = 0; y < look.height; ++y) {
        const auto row = padded.begin() + std::ptrdiff_t{y} * stride;
        pixels.insert(pixels.end(), row, row + std::ptrdiff_t{3} * look.width);
    }
    return pixels;
}

std::vector<std::uint8_t> by_us(Picture::Frame frame) {
    const Picture picture(std::move(frame));
    const Size size = picture.size();
    std::vector<std::uint8_t> pixels(codec::rgb_bytes(size));
    picture.write(codec::Orientation::upright,
                  {pixels.data(), size.width, size.height, size.width * 3, PixelFormat::rgb8});
    return pixels;
}

std::vector<std::uint8_t> by_us(const Look& look) { return by_us(noise(look)); }

TEST(Colours, they_are_those_of_libswscale_for_every_matrix_and_range) {
    for (const AVColorSpace space : {AVCOL_SPC_BT709, AVCOL_SPC_FCC, AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M,
                                     AVCOL_SPC_SMPTE240M, AVCOL_SPC_BT2020_NCL}) {
        for (const bool full_range : {false, true}) {
            const Look look{.width = 320, .height = 64, .space = space, .full_range = full_range};
            EXPECT_EQ(by_us(look), by_libswscale(look)) << "matrix " << space << ", full range " << full_range;
        }
    }
}

TEST(Colours, they_are_those_of_libswscale_for_every_width) {
    for (int width = 1; width < 140; ++width) {
        const Look look{.width = width, .height = 6};
        EXPECT_EQ(by_us(look), by_libswscale(look)) << width << " columns";
    }
}

TEST(Colours, they_are_those_of_libswscale_for_an_odd_height) {
    for (const int height : {1, 3, 17}) {
        const Look look{.width = 64, .height = height};
        EXPECT_EQ(by_us(look), by_libswscale(look)) << height << " rows";
    }
}

TEST(Colours, gaps_between_rows_are_no_pixels) {
    for (const int width : {33, 64}) {
        EXPECT_EQ(by_us(Look{.width = width, .height = 6, .gap = 7}), by_us(Look{.width = width, .height = 6}));
    }
}

TEST(Colours, rows_may_go_upwards_in_memory) {
    for (const int width : {33, 64}) {
        const Look look{.width = width, .height = 6};
        const std::vector<std::uint8_t> upright = by_us(look);
        const std::vector<std::uint8_t> turned = by_us(upside_down(noise(look)));
        const auto row = static_cast<std::ptrdiff_t>(upright.size()) / look.height;
        for (int y = 0; y < look.height; ++y) {
            const auto there = turned.begin() + (look.height - 1 - y) * row;
            EXPECT_TRUE(std::equal(there, there + row, upright.begin() + y * row)) << width << " columns, row " << y;
        }
    }
}

}  // namespace
}  // namespace framehop::video
