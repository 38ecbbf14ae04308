// Decodes JPEGs. As pictures come from outside, the size in the header is checked before anything is allocated.
#pragma once

#include <cstdint>
#include <span>

#include "framehop/base/image_view.hpp"

namespace framehop::codec {

using Bytes = std::span<const std::uint8_t>;

// 8192 x 8192; 192 MiB of RGB.
inline constexpr std::uint64_t kDefaultMaxPixels = 67'108'864;

struct Size {
    std::uint32_t width = 0;
    std::uint32_t height = 0;

    friend bool operator==(const Size&, const Size&) = default;
};

// Returns the bytes of a picture of this size as RGB, rows without padding.
[[nodiscard]] constexpr std::uint64_t rgb_bytes(Size size) noexcept {
    return std::uint64_t{size.width} * size.height * bytes_per_pixel(PixelFormat::rgb8);
}

// Returns the size that the header of `bytes` claims, of the picture turned upright as its Exif segment says. Throws
// Errc::corrupt_picture (no JPEG, damaged, cut off before its first scan, no pixels), unsupported_picture (CMYK, YCCK,
// not 8 bits a sample, lossless, unusual components) and picture_too_large (a side above libjpeg's 65,500 pixels);
// no_memory, which does not mean that the picture is bad. Thread-safe.
[[nodiscard]] Size read_header(Bytes bytes);

// Throws Errc::picture_too_large when `source` has more than `max_pixels`. Thread-safe.
void check_pixels(Size source, std::uint64_t max_pixels);

// Returns the smallest of the DCT's sizes (k/8 of `source`, k = 1..8, rounded up) that is not below `minimum` on either
// side; a minimum of 0 demands nothing. Full size when none is large enough, and when both are 0. Thread-safe.
[[nodiscard]] Size scaled_size(Size source, Size minimum) noexcept;

// Returns the DCT's size that is decoded soonest, among the sizes that are not below scaled_size and take at most
// `most_bytes` as RGB. Both libjpeg-turbo and our own decoder are quick at 1, 2, 4 and 8 eighths alone: 720p takes less
// time at full size than at 5/8. Returns scaled_size, however many bytes that takes, when none of the quick sizes fits.
// Thread-safe.
[[nodiscard]] Size quickest_size(Size source, Size minimum, std::uint64_t most_bytes) noexcept;

// Decodes `bytes`, whose header said `source`, upright into `view` as RGB, at the scale that yields exactly the view's
// size; writes nowhere else. Grey pictures become RGB. Throws Errc::corrupt_picture at the first sign that pixels are
// missing or wrong, and leaves the view undefined; unsupported_picture (chroma sampled at no whole ratio); no_memory;
// invalid_argument when no scale yields the view's size. On x86-64 with AVX2 and BMI2, 8-bit baseline JPEGs of one scan
// are decoded by our own decoder, with the same pixels as by libjpeg-turbo; a thread keeps up to a few MB for it until
// it ends. Thread-safe.
void decode(Bytes bytes, Size source, const ImageView& view);

}  // namespace framehop::codec
