// A borrowed picture in memory, which decoders write and kernels read. It does not know its owner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "framehop/base/pixel_format.hpp"

namespace framehop {

template <class Byte>
struct BasicImageView {
    Byte* data = nullptr;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t stride = 0;  // bytes from one row to the next, >= row_bytes(format, width)
    PixelFormat format = PixelFormat::rgb8;

    // A row of the first plane.
    [[nodiscard]] Byte* row(std::uint32_t y) const noexcept { return data + std::size_t{y} * stride; }
    // Returns the bytes of all planes together.
    [[nodiscard]] std::size_t size_bytes() const noexcept { return picture_bytes(format, height, stride); }
};

using ImageView = BasicImageView<std::uint8_t>;
using ConstImageView = BasicImageView<const std::uint8_t>;

[[nodiscard]] inline ConstImageView as_const(const ImageView& view) noexcept {
    return {view.data, view.width, view.height, view.stride, view.format};
}

// One plane of a picture: [height, width] samples of `channels` bytes.
template <class Byte>
struct BasicPlane {
    Byte* data = nullptr;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t stride = 0;
    std::uint32_t channels = 1;
};

template <class Byte>
class BasicPlanes {
  public:
    explicit BasicPlanes(const BasicImageView<Byte>& view) noexcept {
        add({view.data, view.width, view.height, view.stride, bytes_per_pixel(view.format)});
        if (!is_subsampled(view.format)) return;
        Byte* colour = view.row(view.height);
        const std::uint32_t width = half_of(view.width);
        const std::uint32_t height = half_of(view.height);
        const std::uint32_t half = view.stride / 2;
        if (view.format == PixelFormat::nv12) {
            add({colour, width, height, view.stride, 2});
        } else {
            add({colour, width, height, half, 1});
            add({colour + std::size_t{half} * height, width, height, half, 1});
        }
    }

    // A range by itself, so that `for (… : planes_of(view))` keeps what it goes through.
    [[nodiscard]] const BasicPlane<Byte>* begin() const noexcept { return planes_.data(); }
    [[nodiscard]] const BasicPlane<Byte>* end() const noexcept { return planes_.data() + count_; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] const BasicPlane<Byte>& operator[](std::size_t plane) const noexcept { return planes_[plane]; }

  private:
    void add(const BasicPlane<Byte>& plane) noexcept { planes_[count_++] = plane; }

    std::array<BasicPlane<Byte>, 3> planes_;
    std::size_t count_ = 0;
};

// Returns the planes of a sound view: Y, U and V of i420, Y and UV of nv12, one of every other format.
template <class Byte>
[[nodiscard]] BasicPlanes<Byte> planes_of(const BasicImageView<Byte>& view) noexcept {
    return BasicPlanes<Byte>(view);
}

}  // namespace framehop
