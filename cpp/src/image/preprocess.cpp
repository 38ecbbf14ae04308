#include "framehop/image/preprocess.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "framehop/base/error.hpp"
#include "gathered_rows.hpp"
#include "kernels.hpp"
#include "rounding.hpp"
#include "taps.hpp"

namespace framehop::image {
namespace {

Normalise normalise_of(const PreprocessSpec& spec) {
    Normalise normalise{};
    for (std::size_t k = 0; k < kBlockElements; ++k) {
        const std::size_t channel = spec.layout == Layout::nchw ? k / kBlockPixels : k % 3;
        normalise.scale[k] = spec.scale[channel];
        normalise.bias[k] = spec.bias[channel];
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

// An input tensor of any layout and element type.
template <class Element>
class Tensor {
  public:
    Tensor(const PreprocessSpec& spec, Blend<Element> blend, Element* data)
        : spec_(spec), data_(data), normalise_(normalise_of(spec)), blend_(blend) {}

    // Writes a row of resized pixels from (x, y) on.
    void write(std::uint32_t x, std::uint32_t y, const Rows& rows, const Columns& columns) const {
        const std::size_t whole = columns.pixels() / kBlockPixels;
        blend_(rows, columns.weights(0), normalise_, target(x, y, 0), whole);
        if (whole < columns.blocks()) write_rest(target(x, y, whole), rows, columns);
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
    // Writes the pixels of a row's last block, which has fewer than others: what lies behind them stays as it is.
    void write_rest(const Target<Element>& there, const Rows& rows, const Columns& columns) const {
        const std::size_t whole = columns.pixels() / kBlockPixels;
        const std::size_t pixels = columns.pixels() % kBlockPixels;
        const std::size_t bytes = whole * kBlockBytes;
        std::array<Element, kBlockElements> block;
        const Target<Element> here{{block.data(), block.data() + 8, block.data() + 16}, kBlockElements};
        blend_({rows.upper + bytes, rows.lower + bytes, rows.weight}, columns.weights(whole), normalise_, here, 1);
        if (spec_.layout == Layout::nhwc) {
            std::copy_n(block.data(), 3 * pixels, there.vectors[0]);
        } else {
            for (std::size_t c = 0; c < 3; ++c) std::copy_n(here.vectors[c], pixels, there.vectors[c]);
        }
    }

    // Where the block of a row that begins at (x, y) is written.
    [[nodiscard]] Target<Element> target(std::uint32_t x, std::uint32_t y, std::size_t block) const noexcept {
        Element* const row = at(x, y);
        if (spec_.layout == Layout::nchw) {
            Element* const first = row + block * kBlockPixels;
            return {{first, first + plane(), first + 2 * plane()}, kBlockPixels};
        }
        Element* const first = row + block * kBlockElements;
        return {{first, first + 8, first + 16}, kBlockElements};
    }
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
    Blend<Element> blend_;
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

template <class Element>
void write_picture(const Kernels& kernels, const PreprocessSpec& spec, const ConstImageView& picture,
                   const Placement& placed, const Tensor<Element>& tensor) {
    const Columns columns(picture.width, placed.width, spec.layout);
    GatheredRows rows(picture, placed.height, columns, kernels.gather_for(spec.layout, spec.colour));
    for (std::uint32_t y = 0; y < placed.height; ++y) {
        tensor.write(placed.x, placed.y + y, rows.at(y), columns);
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
    const Tensor<Element> to(spec_, kernels.blend_to(tensor.data()), tensor.data());
    write_padding(spec_, placed, to);
    write_picture(kernels, spec_, picture, placed, to);
    return transform_of(placed, picture.width, picture.height);
}

}  // namespace framehop::image
