// Pictures for the codec's tests: made here, byte by byte where they are forged.
#pragma once

#include <gtest/gtest.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/base/image_view.hpp"
#include "framehop/codec/jpeg.hpp"

namespace framehop::codec::testing {

using Buffer = std::vector<std::uint8_t>;

// Owns its pixels, and guard bytes before, after and between the rows.
class GuardedPicture {
  public:
    GuardedPicture(std::uint32_t width, std::uint32_t height, std::uint32_t row_gap = 0)
        : width_(width), height_(height), stride_(3 * width + row_gap) {
        bytes_.assign(kGuard + std::size_t{stride_} * height + kGuard, kGuardByte);
    }

    [[nodiscard]] ImageView view() { return {bytes_.data() + kGuard, width_, height_, stride_, PixelFormat::rgb8}; }
    [[nodiscard]] ConstImageView view() const {
        return {bytes_.data() + kGuard, width_, height_, stride_, PixelFormat::rgb8};
    }

    [[nodiscard]] bool guards_intact() const {
        Buffer copy = bytes_;
        for (std::uint32_t y = 0; y < height_; ++y) {
            const auto row = copy.begin() + static_cast<std::ptrdiff_t>(kGuard + std::size_t{stride_} * y);
            std::fill_n(row, 3 * width_, kGuardByte);
        }
        return std::ranges::all_of(copy, [](std::uint8_t byte) { return byte == kGuardByte; });
    }

  private:
    static constexpr std::size_t kGuard = 64;
    static constexpr std::uint8_t kGuardByte = 0xA5;
    std::uint32_t width_;
    std::uint32_t height_;
    std::uint32_t stride_;
    Buffer bytes_;
};

// Smooth, different in every channel and direction: survives JPEG well and shows swapped channels and flips.
inline void paint(const ImageView& view) {
    for (std::uint32_t y = 0; y < view.height; ++y) {
        for (std::uint32_t x = 0; x < view.width; ++x) {
            std::uint8_t* pixel = view.row(y) + std::size_t{3} * x;
            pixel[0] = static_cast<std::uint8_t>(255 * x / view.width);
            pixel[1] = static_cast<std::uint8_t>(255 * y / view.height);
            pixel[2] = static_cast<std::uint8_t>(128 + 100 * std::sin((x + y) / 40.0));
        }
    }
}

// Peak signal to noise ratio over all channels, dB.
inline double psnr(const GuardedPicture& first, const GuardedPicture& second) {
    const ConstImageView a = first.view();
    const ConstImageView b = second.view();
    double squares = 0;
    for (std::uint32_t y = 0; y < a.height; ++y) {
        for (std::uint32_t k = 0; k < 3 * a.width; ++k) squares += std::pow(a.row(y)[k] - b.row(y)[k], 2);
    }
    return 10 * std::log10(255.0 * 255.0 * 3 * a.width * a.height / std::max(squares, 1e-9));
}

struct Making {
    int pixel_format = TJPF_RGB;
    int subsampling = TJSAMP_420;
    int flags = 0;
};

// A JPEG of a painted picture, as `making` says; CMYK takes the same bytes four by four.
inline Buffer make_jpeg(int width, int height, Making making = {}) {
    GuardedPicture picture(static_cast<std::uint32_t>(2 * width), static_cast<std::uint32_t>(height));
    paint(picture.view());
    const std::unique_ptr<void, int (*)(tjhandle)> handle(tjInitCompress(), &tjDestroy);
    unsigned char* data = nullptr;
    unsigned long size = 0;
    const int failed = tjCompress2(handle.get(), picture.view().data, width, static_cast<int>(picture.view().stride),
                                   height, making.pixel_format, &data, &size, making.subsampling, 90, making.flags);
    EXPECT_EQ(failed, 0) << tjGetErrorStr2(handle.get());
    Buffer jpeg(data, data + size);
    tjFree(data);
    return jpeg;
}

// Where the first segment with `marker` starts.
inline std::size_t segment(const Buffer& jpeg, std::uint8_t marker) {
    std::size_t at = 2;
    while (jpeg[at + 1] != marker) at += std::size_t{2} + (jpeg[at + 2] << 8 | jpeg[at + 3]);
    return at;
}

inline Buffer patched(Buffer jpeg, std::size_t at, std::initializer_list<int> bytes) {
    for (const int byte : bytes) jpeg[at++] = static_cast<std::uint8_t>(byte);
    return jpeg;
}

inline Buffer with_claimed_size(const Buffer& jpeg, int width, int height) {
    return patched(jpeg, segment(jpeg, 0xC0) + 5, {height >> 8, height & 0xFF, width >> 8, width & 0xFF});
}

// A comment after the start of image makes `jpeg` exactly `size` bytes.
inline Buffer padded_to(Buffer jpeg, std::size_t size) {
    const std::size_t length = size - jpeg.size() - 2;
    Buffer comment(length + 2, 'x');
    comment = patched(comment, 0, {0xFF, 0xFE, static_cast<int>(length >> 8), static_cast<int>(length & 0xFF)});
    jpeg.insert(jpeg.begin() + 2, comment.begin(), comment.end());
    return jpeg;
}

// The bomb: 739 bytes that claim 30000 x 30000 pixels, 2.5 GiB of RGB.
inline Buffer bomb() { return padded_to(with_claimed_size(make_jpeg(16, 16), 30'000, 30'000), 739); }

// Runs `action`, which must throw an Error; returns its code's name and its message.
template <class Action>
std::pair<std::string, std::string> error_of(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return {std::string(name(error.code())), error.what()};
    }
    return {"no error", ""};
}

}  // namespace framehop::codec::testing
