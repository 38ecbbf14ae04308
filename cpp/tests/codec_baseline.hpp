// Decodes with the quick decoder alone, and with libjpeg alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>

#include "baseline.hpp"
#include "codec_libjpeg.hpp"
#include "decompressor.hpp"

namespace framehop::codec::testing {

// Pixels of a picture, rows without padding.
using Pixels = std::vector<std::uint8_t>;

inline std::size_t side(std::uint32_t pixels, std::uint32_t eighths) { return (std::size_t{pixels} * eighths + 7) / 8; }

// The pixels by libjpeg, or none if it refuses the picture.
inline std::optional<Pixels> by_libjpeg(const Buffer& jpeg, std::uint32_t eighths) {
    Decompressor decompressor;
    if (!decompressor.read_header(jpeg)) return std::nullopt;
    const auto width = static_cast<std::uint32_t>(side(decompressor.size().width, eighths));
    const auto height = static_cast<std::uint32_t>(side(decompressor.size().height, eighths));
    Pixels pixels(std::size_t{3} * width * height);
    if (!decompressor.decode(eighths, {pixels.data(), width, height, 3 * width, PixelFormat::rgb8}))
        return std::nullopt;
    return pixels;
}

// The pixels by the quick decoder, or none if it leaves the picture to libjpeg.
inline std::optional<Pixels> quickly(BaselineDecoder& decoder, const Buffer& jpeg, std::uint32_t eighths) {
    Decompressor decompressor;
    if (!decompressor.read_header(jpeg) || !decoder.start(decompressor.header(), eighths)) return std::nullopt;
    const std::size_t row = 3 * side(decompressor.size().width, eighths);
    Pixels pixels(row * side(decompressor.size().height, eighths));
    for (std::size_t at = 0; at < pixels.size(); at += row) {
        if (!decoder.read_row(pixels.data() + at)) return std::nullopt;
    }
    return pixels;
}

}  // namespace framehop::codec::testing
