#include "framehop/image/placement.hpp"

#include <algorithm>

namespace framehop::image {
namespace {

// Returns round(side * numerator / denominator), at least 1. The ratio of the limiting side is at most 1, so it fits.
std::uint32_t fit(std::uint64_t side, std::uint64_t numerator, std::uint64_t denominator) noexcept {
    return static_cast<std::uint32_t>(
        std::max<std::uint64_t>(1, (2 * side * numerator + denominator) / (2 * denominator)));
}

}  // namespace

Placement place(ResizeMode mode, std::uint32_t width, std::uint32_t height, std::uint32_t input_width,
                std::uint32_t input_height) noexcept {
    Placement placed{0, 0, input_width, input_height};
    if (mode == ResizeMode::stretch) return placed;
    if (std::uint64_t{input_width} * height <= std::uint64_t{input_height} * width) {
        placed.height = fit(height, input_width, width);
    } else {
        placed.width = fit(width, input_height, height);
    }
    if (mode == ResizeMode::letterbox) {
        placed.x = (input_width - placed.width) / 2;
        placed.y = (input_height - placed.height) / 2;
    }
    return placed;
}

Transform transform_of(const Placement& placement, std::uint32_t width, std::uint32_t height) noexcept {
    return {static_cast<double>(placement.width) / width, static_cast<double>(placement.height) / height,
            static_cast<double>(placement.x), static_cast<double>(placement.y)};
}

}  // namespace framehop::image
