#include "framehop/image/preprocess.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "framehop/base/error.hpp"
#include "kernels.hpp"
#include "rounding.hpp"

namespace framehop::image {
namespace {

// The two source positions of one output position and the weight of the second.
struct Tap {
    std::uint32_t first;
    std::uint32_t second;
    float weight;
};

Tap tap_at(std::uint32_t position, std::uint32_t source, std::uint32_t resized) noexcept {
    const double last = source - 1.0;
    const double at = std::clamp((position + 0.5) * source / resized - 0.5, 0.0, last);
    const auto first = static_cast<std::uint32_t>(at);
    return {first, std::min(first + 1, source - 1), static_cast<float>(at - first)};
}

Taps taps_of(std::uint32_t source, std::uint32_t resized) {
    const std::size_t filled_up = (resized + kBlock - 1) / kBlock * kBlock;
    Taps taps{
        .left = std::vector<std::uint32_t>(filled_up), .weight = std::vector<float>(filled_up), .pixels = resized};
    for (std::uint32_t x = 0; x < resized; ++x) {
        const Tap tap = tap_at(x, source, resized);
        taps.left[x] = 3 * tap.first;
        taps.weight[x] = tap.weight;
    }
    return taps;
}

// The spec's scale and bias are by the model's channel order.
Normalise normalise_of(const PreprocessSpec& spec) {
    Normalise normalise{spec.scale, spec.bias, spec.colour == Colour::bgr};
    if (normalise.swap_red_blue) {
        std::ranges::reverse(normalise.scale);
        std::ranges::reverse(normalise.bias);
    }
    return normalise;
}

// Fills `count` elements, a multiple of the pattern's, with a pattern. Copying what is there already is the quickest
// way on every processor, as long as it is in the nearest cache.
template <std::size_t pattern, class Element>
void repeat(const Element* values, Element* to, std::size_t count) {
    constexpr std::size_t kMost = 1024 * pattern;
    if (count == 0) return;
    std::copy_n(values, pattern, to);
    for (std::size_t done = pattern, more = 0; done < count; done += more) {
        more = std::min({done, count - done, kMost});
        std::memcpy(to + done, to, more * sizeof(Element));
    }
}

// One input tensor, whatever its layout and its elements.
template <class Element>
class Tensor {
  public:
    Tensor(const PreprocessSpec& spec, const RowWriters<Element>& writers, Element* data)
        : spec_(spec),
          data_(data),
          normalise_(normalise_of(spec)),
          write_row_(spec.layout == Layout::nhwc ? writers.interleaved : writers.planes) {}

    // Writes a row of resized pixels from (x, y) on. `row`: of the picture, with its slack.
    void write(std::uint32_t x, std::uint32_t y, const float* row, const Taps& taps) const {
        write_row_(row, taps, normalise_, at(x, y), plane());
    }

    // Writes normalised padding from (x, y) on along the rows.
    void pad(std::uint32_t x, std::uint32_t y, std::size_t pixels) const {
        const std::array<Element, 3> value = padding();
        Element* to = at(x, y);
        if (spec_.layout == Layout::nhwc) {
            repeat<3>(value.data(), to, 3 * pixels);
        } else {
            for (std::size_t c = 0; c < 3; ++c) repeat<1>(&value[c], to + c * plane(), pixels);
        }
    }

  private:
    [[nodiscard]] std::size_t plane() const noexcept { return std::size_t{spec_.width} * spec_.height; }
    [[nodiscard]] Element* at(std::uint32_t x, std::uint32_t y) const noexcept {
        const std::size_t pixel = std::size_t{y} * spec_.width + x;
        return data_ + (spec_.layout == Layout::nhwc ? 3 * pixel : pixel);
    }
    [[nodiscard]] std::array<Element, 3> padding() const noexcept {
        std::array<Element, 3> value{};
        for (std::size_t c = 0; c < 3; ++c) round_to(spec_.pad * spec_.scale[c] + spec_.bias[c], value[c]);
        return value;
    }

    const PreprocessSpec& spec_;
    Element* data_;
    Normalise normalise_;
    WriteRow<Element> write_row_;
};

// Pads all parts of the input that the picture does not cover: above, below, and on both sides.
template <class Element>
void write_padding(const PreprocessSpec& spec, const Placement& placed, const Tensor<Element>& tensor) {
    const std::uint32_t right = placed.x + placed.width;
    const std::uint32_t bottom = placed.y + placed.height;
    tensor.pad(0, 0, std::size_t{placed.y} * spec.width);
    tensor.pad(0, bottom, std::size_t{spec.height - bottom} * spec.width);
    for (std::uint32_t y = placed.y; y < bottom; ++y) {
        tensor.pad(0, y, placed.x);
        tensor.pad(right, y, spec.width - right);
    }
}

// Columns first, over a whole row of the picture, which stays in the nearest cache: then its row is resized.
template <class Element>
void write_picture(const Kernels& kernels, const ConstImageView& picture, const Placement& placed,
                   const Tensor<Element>& tensor) {
    const Taps taps = taps_of(picture.width, placed.width);
    const std::size_t row_floats = std::size_t{3} * picture.width;
    std::vector<float> row(row_floats + kRowSlack);
    for (std::uint32_t y = 0; y < placed.height; ++y) {
        const Tap tap = tap_at(y, picture.height, placed.height);
        kernels.lerp_rows(picture.row(tap.first), picture.row(tap.second), tap.weight, row.data(), row_floats);
        tensor.write(placed.x, placed.y + y, row.data(), taps);
    }
}

void check_side(const char* what, std::uint32_t side) {
    if (side >= 1 && side <= kMaxInputSide) return;
    throw Error(Errc::invalid_argument, std::string(what) + " must be 1 to " + std::to_string(kMaxInputSide) +
                                            " pixels, not " + std::to_string(side));
}

void check_finite(const char* what, const std::array<float, 3>& values) {
    if (std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) return;
    throw Error(Errc::invalid_argument, std::string(what) + " must be three finite numbers");
}

void check_runs_here(Simd level) {
    if (std::ranges::find(simd_levels(), level) != simd_levels().end()) return;
    throw Error(Errc::invalid_argument, "this processor does not run " + std::string(name(level)));
}

}  // namespace

Preprocessor::Preprocessor(const PreprocessSpec& spec, Simd level) : spec_(spec), level_(level) {
    check_runs_here(level);
    check_side("width", spec.width);
    check_side("height", spec.height);
    check_finite("scale", spec.scale);
    check_finite("bias", spec.bias);
    if (!(spec.pad >= 0.0F && spec.pad <= 255.0F)) {
        throw Error(Errc::invalid_argument, "pad must be a pixel value, 0 to 255, not " + std::to_string(spec.pad));
    }
}

std::size_t Preprocessor::tensor_size() const noexcept { return std::size_t{3} * spec_.width * spec_.height; }

Transform Preprocessor::run(const ConstImageView& picture, std::span<float> tensor) const {
    return fill(picture, tensor);
}

Transform Preprocessor::run(const ConstImageView& picture, std::span<Half> tensor) const {
    return fill(picture, tensor);
}

Transform Preprocessor::run(const ConstImageView& picture, std::span<std::uint8_t> tensor) const {
    return fill(picture, tensor);
}

template <class Element>
Transform Preprocessor::fill(const ConstImageView& picture, std::span<Element> tensor) const {
    // Offsets into a row have 32 bits.
    constexpr std::uint32_t kMaxPictureWidth = 1U << 28;
    if (picture.data == nullptr || picture.width < 1 || picture.width > kMaxPictureWidth || picture.height < 1) {
        throw Error(Errc::invalid_argument, "cannot resize a picture of " + std::to_string(picture.width) + "x" +
                                                std::to_string(picture.height) + " pixels");
    }
    if (picture.format != PixelFormat::rgb8) throw Error(Errc::invalid_argument, "a model's input is made of rgb8");
    if (tensor.size() != tensor_size()) {
        throw Error(Errc::invalid_argument, "the tensor has " + std::to_string(tensor.size()) +
                                                " elements; the input has " + std::to_string(tensor_size()));
    }
    const Placement placed = place(spec_.mode, picture.width, picture.height, spec_.width, spec_.height);
    const Kernels& kernels = kernels_for(level_);
    const Tensor<Element> to(spec_, kernels.writers(tensor.data()), tensor.data());
    write_padding(spec_, placed, to);
    write_picture(kernels, picture, placed, to);
    return transform_of(placed, picture.width, picture.height);
}

}  // namespace framehop::image
