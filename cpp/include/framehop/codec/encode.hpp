// Encodes pixels as JPEG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "framehop/base/image_view.hpp"

namespace framehop::codec {

// libjpeg's JPEG_MAX_DIMENSION: a little under the format's 65,535.
inline constexpr std::uint32_t kMaxSide = 65'500;

// Owns the encoder's output buffer. Move-only; not thread-safe.
class EncodedJpeg {
  public:
    // `data` comes from TurboJPEG's allocator.
    EncodedJpeg(std::uint8_t* data, std::size_t size) noexcept : data_(data), size_(size) {}
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return {data_.get(), size_}; }

  private:
    struct Free {
        void operator()(std::uint8_t* data) const noexcept;
    };
    std::unique_ptr<std::uint8_t, Free> data_;
    std::size_t size_;
};

// Throws Errc::invalid_argument for another quality than 1..100, an empty view or one above kMaxSide. Thread-safe.
void check_encodable(const ConstImageView& view, int quality);

// Encodes with 4:2:0 chroma, baseline. Throws what check_encodable does, and Errc::no_memory. Thread-safe.
[[nodiscard]] EncodedJpeg encode(const ConstImageView& view, int quality);

}  // namespace framehop::codec
