// The place of a picture in a model's input, and the transform between the two.
#pragma once

#include <cstdint>

namespace framehop::image {

enum class ResizeMode {
    stretch,            // fills the input; each side is scaled by its own factor
    letterbox,          // keeps the shape, centred, padded on both sides
    letterbox_topleft,  // keeps the shape, at the top left, padded right or below
};

// The rectangle that the resized picture covers, in pixels of the input.
struct Placement {
    std::uint32_t x = 0;
    std::uint32_t y = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;

    friend bool operator==(const Placement&, const Placement&) = default;
};

// For corners of boxes, in pixels: x_input = x_picture * scale_x + pad_x, and y likewise.
struct Transform {
    double scale_x = 1.0;
    double scale_y = 1.0;
    double pad_x = 0.0;
    double pad_y = 0.0;
};

// Letterbox: with s = min(input_width / width, input_height / height) the resized sides are max(1, floor(side * s +
// 1/2)), in exact arithmetic; the left and upper padding is half of what remains, rounded down. All sides >= 1.
// Thread-safe.
[[nodiscard]] Placement place(ResizeMode mode, std::uint32_t width, std::uint32_t height, std::uint32_t input_width,
                              std::uint32_t input_height) noexcept;

[[nodiscard]] Transform transform_of(const Placement& placement, std::uint32_t width, std::uint32_t height) noexcept;

}  // namespace framehop::image
