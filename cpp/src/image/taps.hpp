// Where the pixels of a resized picture come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "framehop/image/preprocess.hpp"
#include "kernels.hpp"

namespace framehop::image {

// The two source positions of one output position and the weight of the second, 0..1.
struct Tap {
    std::uint32_t first;
    std::uint32_t second;
    float weight;
};

[[nodiscard]] Tap tap_at(std::uint32_t position, std::uint32_t source, std::uint32_t resized) noexcept;

// The taps of a row, as the loops want them: filled up with zeros to whole blocks.
class Columns {
  public:
    Columns(std::uint32_t source, std::uint32_t resized, Layout layout);

    [[nodiscard]] std::size_t pixels() const noexcept { return pixels_; }
    [[nodiscard]] std::size_t blocks() const noexcept { return left_.size() / kBlockPixels; }
    [[nodiscard]] const std::uint32_t* left() const noexcept { return left_.data(); }
    // The weights from a block on.
    [[nodiscard]] Weights weights(std::size_t block) const noexcept {
        return {weights_.data() + block * kBlockElements, all_zero_};
    }

  private:
    std::size_t pixels_;
    std::vector<std::uint32_t> left_;
    std::vector<float> weights_;
    bool all_zero_ = true;
};

}  // namespace framehop::image
