// The reference kernel, which turns a picture into a model's input. Golden tests compare against exactly this.
//
// Let the picture have w x h pixels P, and its placement (placement.hpp) x0, y0, rw, rh. For an input pixel (x, y)
// inside the placement, and likewise for y:
//     sx = clamp((x - x0 + 1/2) * w / rw - 1/2, 0, w - 1)       half-pixel centres, edges clamped, no antialias
//     i = floor(sx), j = min(i + 1, w - 1), f = sx - i
//     V[k] = P[y_i][k] + (P[y_j][k] - P[y_i][k]) * f_y           columns first
//     value = V[i] + (V[j] - V[i]) * f_x                         then the row
//     out[c] = value[channel c] * scale[c] + bias[c]             c in the model's order, RGB or BGR
// and outside the placement out[c] = pad * scale[c] + bias[c]. Positions are computed in double, pixels in float32.
// Every sum and product is rounded by itself: no processor gives other bits.
// A tensor of another element gets out[c] rounded once: binary16 to the nearest, ties to even, and to infinity beyond
// its range; bytes to the nearest, ties to even, and clamped to 0..255.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "framehop/base/image_view.hpp"
#include "framehop/image/half.hpp"
#include "framehop/image/placement.hpp"
#include "framehop/image/simd.hpp"

namespace framehop::image {

enum class Layout { nhwc, nchw };
enum class Colour { rgb, bgr };

inline constexpr std::uint32_t kMaxInputSide = 16'384;

struct PreprocessSpec {
    std::uint32_t width = 0;  // of the input, 1..kMaxInputSide
    std::uint32_t height = 0;
    ResizeMode mode = ResizeMode::stretch;
    Layout layout = Layout::nhwc;
    Colour colour = Colour::rgb;
    std::array<float, 3> scale{1.0F, 1.0F, 1.0F};  // by the model's channel order
    std::array<float, 3> bias{0.0F, 0.0F, 0.0F};
    float pad = 114.0F;  // pixel value, 0..255
};

// Immutable; thread-safe.
class Preprocessor {
  public:
    // `level`: the instructions to use; all give the same bits. Throws Errc::invalid_argument for a side, pad value,
    // scale or bias out of range or not finite, and for a level that this processor does not run.
    explicit Preprocessor(const PreprocessSpec& spec, Simd level = simd_levels().back());

    [[nodiscard]] const PreprocessSpec& spec() const noexcept { return spec_; }
    // Elements per picture: width * height * 3.
    [[nodiscard]] std::size_t tensor_size() const noexcept;

    // Fills `tensor` (tensor_size() elements) from `picture`. Throws Errc::invalid_argument for an empty view,
    // one that is not rgb8, or another size of tensor.
    Transform run(const ConstImageView& picture, std::span<float> tensor) const;
    Transform run(const ConstImageView& picture, std::span<Half> tensor) const;
    Transform run(const ConstImageView& picture, std::span<std::uint8_t> tensor) const;

  private:
    template <class Element>
    Transform fill(const ConstImageView& picture, std::span<Element> tensor) const;

    PreprocessSpec spec_;
    Simd level_;
};

}  // namespace framehop::image
