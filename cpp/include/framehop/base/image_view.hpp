// A borrowed picture in memory, which decoders write and kernels read. It does not know its owner.
#pragma once

#include <cstddef>
#include <cstdint>

namespace framehop {

enum class PixelFormat : std::uint16_t {
    rgb8 = 1,  // uint8 [height, width, 3], RGB
};

[[nodiscard]] constexpr std::uint32_t bytes_per_pixel(PixelFormat) noexcept { return 3; }

template <class Byte>
struct BasicImageView {
    Byte* data = nullptr;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t stride = 0;  // bytes from one row to the next, >= width * bytes_per_pixel
    PixelFormat format = PixelFormat::rgb8;

    [[nodiscard]] Byte* row(std::uint32_t y) const noexcept { return data + std::size_t{y} * stride; }
    [[nodiscard]] std::size_t size_bytes() const noexcept { return std::size_t{stride} * height; }
};

using ImageView = BasicImageView<std::uint8_t>;
using ConstImageView = BasicImageView<const std::uint8_t>;

[[nodiscard]] inline ConstImageView as_const(const ImageView& view) noexcept {
    return {view.data, view.width, view.height, view.stride, view.format};
}

}  // namespace framehop
