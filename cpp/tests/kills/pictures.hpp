// A picture whose every word says of which frame it is.
#pragma once

#include <cstdint>
#include <cstring>

#include "framehop/base/image_view.hpp"

namespace framehop::kills {

inline constexpr std::uint32_t kWidth = 64;
inline constexpr std::uint32_t kHeight = 16;
inline constexpr std::uint64_t kSlotBytes = std::uint64_t{3} * kWidth * kHeight;

[[nodiscard]] inline std::uint64_t word_of(std::uint64_t frame) noexcept {
    return (frame + 1) * 0x9E37'79B9'7F4A'7C15U;  // the golden ratio's bits, so that near frames differ in every byte
}

inline void paint(const ImageView& image, std::uint64_t frame) noexcept {
    const std::uint64_t word = word_of(frame);
    for (std::size_t at = 0; at < image.size_bytes(); at += sizeof word)
        std::memcpy(image.data + at, &word, sizeof word);
}

[[nodiscard]] inline bool shows(const ConstImageView& image, std::uint64_t frame) noexcept {
    const std::uint64_t word = word_of(frame);
    if (image.size_bytes() != kSlotBytes) return false;
    for (std::size_t at = 0; at < image.size_bytes(); at += sizeof word) {
        if (std::memcmp(image.data + at, &word, sizeof word) != 0) return false;
    }
    return true;
}

}  // namespace framehop::kills
