#include "taps.hpp"

#include <algorithm>

namespace framehop::image {

Tap tap_at(std::uint32_t position, std::uint32_t source, std::uint32_t resized) noexcept {
    const double last = source - 1.0;
    const double at = std::clamp((position + 0.5) * source / resized - 0.5, 0.0, last);
    const auto first = static_cast<std::uint32_t>(at);
    return {first, std::min(first + 1, source - 1), static_cast<float>(at - first)};
}

Columns::Columns(std::uint32_t source, std::uint32_t resized, Layout layout)
    : pixels_(resized),
      left_((pixels_ + kBlockPixels - 1) / kBlockPixels * kBlockPixels),
      weights_(left_.size() * kVectors) {
    for (std::uint32_t x = 0; x < resized; ++x) {
        const Tap tap = tap_at(x, source, resized);
        float* block = weights_.data() + x / kBlockPixels * kBlockElements;
        const std::size_t pixel = x % kBlockPixels;
        for (std::size_t c = 0; c < 3; ++c) {
            block[layout == Layout::nchw ? kBlockPixels * c + pixel : 3 * pixel + c] = tap.weight;
        }
        left_[x] = 3 * tap.first;
        all_zero_ = all_zero_ && tap.weight == 0.0F;
    }
}

}  // namespace framehop::image
