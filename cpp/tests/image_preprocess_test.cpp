#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/image/preprocess.hpp"

namespace framehop::image {
namespace {

// Pixels in a buffer of exactly their size, so that AddressSanitizer sees a read beside them.
struct Picture {
    std::uint32_t width;
    std::uint32_t height;
    std::uint32_t stride;
    std::vector<std::uint8_t> bytes;

    Picture(std::uint32_t w, std::uint32_t h, std::uint32_t gap = 0)
        : width(w), height(h), stride(3 * w + gap), bytes(std::size_t{stride} * (h - 1) + std::size_t{3} * w) {
        std::mt19937 random(w * 1'000 + h);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    }
    [[nodiscard]] ConstImageView view() const { return {bytes.data(), width, height, stride}; }
};

// The header's formula, word for word, in double: slow and plain.
double expected(const Picture& picture, const PreprocessSpec& spec, std::uint32_t x, std::uint32_t y, std::size_t c) {
    const Placement placed = place(spec.mode, picture.width, picture.height, spec.width, spec.height);
    double value = spec.pad;
    if (x >= placed.x && x < placed.x + placed.width && y >= placed.y && y < placed.y + placed.height) {
        const std::size_t channel = spec.colour == Colour::rgb ? c : 2 - c;
        const auto source = [](std::uint32_t at, std::uint32_t size, std::uint32_t resized) {
            return std::clamp((at + 0.5) * size / resized - 0.5, 0.0, size - 1.0);
        };
        const double sx = source(x - placed.x, picture.width, placed.width);
        const double sy = source(y - placed.y, picture.height, placed.height);
        const auto pixel = [&](double px, double py) {
            return static_cast<double>(
                picture.view().row(static_cast<std::uint32_t>(py))[3 * static_cast<std::size_t>(px) + channel]);
        };
        const double right = std::min(std::floor(sx) + 1, picture.width - 1.0);
        const double below = std::min(std::floor(sy) + 1, picture.height - 1.0);
        const double fx = sx - std::floor(sx);
        const double fy = sy - std::floor(sy);
        value = (pixel(sx, sy) * (1 - fx) + pixel(right, sy) * fx) * (1 - fy) +
                (pixel(sx, below) * (1 - fx) + pixel(right, below) * fx) * fy;
    }
    return value * spec.scale[c] + spec.bias[c];
}

std::size_t offset(const PreprocessSpec& spec, std::uint32_t x, std::uint32_t y, std::size_t c) {
    const std::size_t at = std::size_t{y} * spec.width + x;
    return spec.layout == Layout::nhwc ? 3 * at + c : c * spec.width * spec.height + at;
}

double worst_difference(const Picture& picture, const PreprocessSpec& spec) {
    const Preprocessor preprocessor(spec);
    std::vector<float> tensor(preprocessor.tensor_size(), std::numeric_limits<float>::quiet_NaN());
    (void)preprocessor.run(picture.view(), tensor);
    double worst = 0;
    for (std::uint32_t y = 0; y < spec.height; ++y) {
        for (std::uint32_t x = 0; x < spec.width; ++x) {
            for (std::size_t c = 0; c < 3; ++c) {
                const double difference = std::abs(tensor[offset(spec, x, y, c)] - expected(picture, spec, x, y, c));
                worst = std::isnan(difference) ? 1e9 : std::max(worst, difference);
            }
        }
    }
    return worst;
}

constexpr ResizeMode kModes[] = {ResizeMode::stretch, ResizeMode::letterbox, ResizeMode::letterbox_topleft};
constexpr Layout kLayouts[] = {Layout::nhwc, Layout::nchw};
constexpr Colour kColours[] = {Colour::rgb, Colour::bgr};
constexpr double kTolerance = 1e-3;  // grey levels

TEST(Preprocessor, follows_the_formula_for_every_mode_layout_and_colour) {
    for (const ResizeMode mode : kModes) {
        for (const Layout layout : kLayouts) {
            for (const Colour colour : kColours) {
                const PreprocessSpec spec{.width = 37, .height = 29, .mode = mode, .layout = layout, .colour = colour};
                EXPECT_LT(worst_difference(Picture(91, 53), spec), kTolerance);
                EXPECT_LT(worst_difference(Picture(53, 91), spec), kTolerance);
            }
        }
    }
}

TEST(Preprocessor, follows_the_formula_for_many_sizes) {
    for (const auto& [width, height] :
         {std::pair{1U, 1U}, {1U, 50U}, {50U, 1U}, {2U, 2U}, {3U, 5U}, {7U, 7U}, {64U, 48U}, {333U, 17U}}) {
        for (const auto& [to_width, to_height] : {std::pair{1U, 1U}, {64U, 48U}, {5U, 99U}, {33U, 31U}}) {
            const PreprocessSpec spec{.width = to_width, .height = to_height, .mode = ResizeMode::letterbox};
            EXPECT_LT(worst_difference(Picture(width, height, 4), spec), kTolerance)
                << width << "x" << height << " to " << to_width << "x" << to_height;
        }
    }
}

TEST(Preprocessor, normalises_pixels_and_padding_by_channel) {
    const PreprocessSpec spec{.width = 40,
                              .height = 30,
                              .mode = ResizeMode::letterbox,
                              .layout = Layout::nchw,
                              .colour = Colour::bgr,
                              .scale = {1 / 255.0F, 2 / 255.0F, -1 / 255.0F},
                              .bias = {-0.5F, 0.25F, 3.0F},
                              .pad = 10.0F};
    EXPECT_LT(worst_difference(Picture(20, 40), spec), 1e-5);
}

TEST(Preprocessor, same_size_is_exact) {
    const Picture picture(31, 17, 2);
    const Preprocessor preprocessor({.width = 31, .height = 17});
    std::vector<float> tensor(preprocessor.tensor_size());
    (void)preprocessor.run(picture.view(), tensor);
    for (std::uint32_t y = 0; y < 17; ++y) {
        EXPECT_TRUE(std::equal(tensor.begin() + y * 93, tensor.begin() + (y + 1) * 93, picture.view().row(y)));
    }
}

template <class Element>
void expect_nothing_beside(const Preprocessor& preprocessor, Element untouched) {
    std::vector<Element> memory(preprocessor.tensor_size() + 16, untouched);
    (void)preprocessor.run(Picture(30, 11).view(), std::span(memory).subspan(8, preprocessor.tensor_size()));
    const auto same = [=](Element element) { return element == untouched; };
    EXPECT_TRUE(std::all_of(memory.begin(), memory.begin() + 8, same));
    EXPECT_TRUE(std::all_of(memory.end() - 8, memory.end(), same));
}

TEST(Preprocessor, writes_nothing_beside_its_tensor) {
    for (const Layout layout : kLayouts) {
        for (const ResizeMode mode : kModes) {
            const Preprocessor preprocessor({.width = 13, .height = 9, .mode = mode, .layout = layout});
            expect_nothing_beside(preprocessor, -7.0F);
            expect_nothing_beside(preprocessor, static_cast<Half>(0xC700));
            expect_nothing_beside<std::uint8_t>(preprocessor, 201);
        }
    }
}

// Every element is the float that the same spec gives, rounded once.
template <class Element, class Round>
void expect_rounded(const PreprocessSpec& spec, Round round) {
    const Preprocessor preprocessor(spec);
    const Picture picture(53, 31, 5);
    std::vector<float> exact(preprocessor.tensor_size());
    std::vector<Element> rounded(preprocessor.tensor_size());
    (void)preprocessor.run(picture.view(), exact);
    (void)preprocessor.run(picture.view(), rounded);
    for (std::size_t k = 0; k < exact.size(); ++k) ASSERT_EQ(rounded[k], round(exact[k])) << k << ": " << exact[k];
}

TEST(Preprocessor, rounds_to_halves_and_bytes_in_every_layout) {
    const auto byte = [](float value) {
        return static_cast<std::uint8_t>(std::clamp(std::nearbyint(value), 0.0F, 255.0F));
    };
    for (const Layout layout : kLayouts) {
        for (const ResizeMode mode : kModes) {
            PreprocessSpec spec{.width = 29, .height = 37, .mode = mode, .layout = layout, .colour = Colour::bgr};
            expect_rounded<Half>(spec, half_of);
            expect_rounded<std::uint8_t>(spec, byte);
            spec.scale = {1 / 58.4F, 300.0F, -2.0F};
            spec.bias = {-2.1F, 5.5F, 100.25F};
            expect_rounded<Half>(spec, half_of);
            expect_rounded<std::uint8_t>(spec, byte);
        }
    }
}

TEST(Preprocessor, a_byte_between_two_is_the_even_one) {
    const Preprocessor preprocessor({.width = 4, .height = 1, .scale = {0.5F, 0.5F, 0.5F}});
    const std::vector<std::uint8_t> odd{1, 3, 5, 7, 9, 11, 13, 15, 17, 253, 255, 0};
    std::vector<std::uint8_t> tensor(preprocessor.tensor_size());
    (void)preprocessor.run({odd.data(), 4, 1, 12}, tensor);
    EXPECT_EQ(tensor, (std::vector<std::uint8_t>{0, 2, 2, 4, 4, 6, 6, 8, 8, 126, 128, 0}));
}

template <class Action>
bool is_invalid(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return error.code() == Errc::invalid_argument;
    }
    return false;
}

template <class Element>
std::vector<Element> filled(const Picture& picture, const PreprocessSpec& spec, Simd level) {
    const Preprocessor preprocessor(spec, level);
    std::vector<Element> tensor(preprocessor.tensor_size());
    (void)preprocessor.run(picture.view(), tensor);
    return tensor;
}

template <class Element>
void expect_same_bits(const Picture& picture, const PreprocessSpec& spec, Simd level) {
    const std::vector<Element> plain = filled<Element>(picture, spec, Simd::baseline);
    const std::vector<Element> found = filled<Element>(picture, spec, level);
    ASSERT_EQ(std::memcmp(plain.data(), found.data(), plain.size() * sizeof(Element)), 0)
        << name(level) << ", " << sizeof(Element) << " bytes an element: " << picture.width << "x" << picture.height
        << " to " << spec.width << "x" << spec.height << ", mode " << static_cast<int>(spec.mode) << ", layout "
        << static_cast<int>(spec.layout) << ", colour " << static_cast<int>(spec.colour);
}

// Values of all magnitudes, so that rounding, clamping and overflow are met.
PreprocessSpec any_spec(std::mt19937& random) {
    const auto side = [&] { return 1 + static_cast<std::uint32_t>(random() % 70); };
    const auto value = [&](float most) { return std::uniform_real_distribution<float>(-most, most)(random); };
    PreprocessSpec spec{.width = side(),
                        .height = side(),
                        .mode = kModes[random() % 3],
                        .layout = kLayouts[random() % 2],
                        .colour = kColours[random() % 2]};
    for (std::size_t c = 0; c < 3; ++c) {
        spec.scale[c] = value(random() % 4 == 0 ? 1e30F : 3.0F);
        spec.bias[c] = value(random() % 2 == 0 ? 0.01F : 300.0F);
    }
    return spec;
}

TEST(Preprocessor, every_instruction_set_gives_the_same_bits) {
    // NOLINTNEXTLINE(bugprone-random-generator-seed,cert-msc32-c,cert-msc51-cpp): the same each time
    std::mt19937 random(20261129);
    const auto upto = [&](std::uint32_t most) { return static_cast<std::uint32_t>(random()) % (most + 1); };
    for (const Simd level : simd_levels()) {
        for (int k = 0; k < 400; ++k) {
            const Picture picture(1 + upto(129), 1 + upto(59), upto(4));
            const PreprocessSpec spec = any_spec(random);
            expect_same_bits<float>(picture, spec, level);
            expect_same_bits<Half>(picture, spec, level);
            expect_same_bits<std::uint8_t>(picture, spec, level);
        }
    }
}

// Where weights are 0, loops may leave rows and columns out.
TEST(Preprocessor, every_instruction_set_gives_the_same_bits_at_whole_ratios) {
    for (const Simd level : simd_levels()) {
        for (const auto& [width, height] : {std::pair{37U, 29U}, {74U, 58U}, {111U, 29U}, {37U, 87U}, {74U, 87U}}) {
            for (const Layout layout : kLayouts) {
                const PreprocessSpec spec{.width = 37, .height = 29, .layout = layout, .colour = Colour::bgr};
                expect_same_bits<float>(Picture(width, height), spec, level);
                expect_same_bits<Half>(Picture(width, height), spec, level);
                expect_same_bits<std::uint8_t>(Picture(width, height), spec, level);
            }
        }
    }
}

TEST(Preprocessor, a_third_of_the_size_has_every_third_pixel_with_every_instruction_set) {
    const Picture picture(60, 33, 1);
    for (const Simd level : simd_levels()) {
        const PreprocessSpec spec{.width = 20, .height = 11, .layout = Layout::nchw};
        const auto tensor = filled<float>(picture, spec, level);
        for (std::size_t k = 0; k < tensor.size(); ++k) {
            const auto y = static_cast<std::uint32_t>(k / 20 % 11);
            ASSERT_EQ(tensor[k], picture.view().row(3 * y + 1)[3 * (3 * (k % 20) + 1) + k / 220]) << name(level);
        }
    }
}

TEST(Preprocessor, numbers_beyond_the_range_are_the_same_for_every_instruction_set) {
    const float huge = 3e38F;
    const PreprocessSpec spec{.width = 19, .height = 3, .scale = {huge, -huge, 1e-42F}, .bias = {-huge, huge, -0.0F}};
    for (const Simd level : simd_levels()) {
        expect_same_bits<float>(Picture(19, 3), spec, level);
        expect_same_bits<Half>(Picture(19, 3), spec, level);
        expect_same_bits<std::uint8_t>(Picture(19, 3), spec, level);
    }
}

TEST(Preprocessor, refuses_instructions_that_this_processor_lacks) {
    EXPECT_EQ(simd_levels().front(), Simd::baseline);
    for (const Simd level : {Simd::avx2, Simd::neon}) {
        if (std::ranges::find(simd_levels(), level) != simd_levels().end()) continue;
        EXPECT_TRUE(is_invalid([&] { Preprocessor({.width = 3, .height = 3}, level); })) << name(level);
    }
}

TEST(Preprocessor, refuses_senseless_specs) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(is_invalid([] { Preprocessor({.width = 0, .height = 3}); }));
    EXPECT_TRUE(is_invalid([] { Preprocessor({.width = 3, .height = kMaxInputSide + 1}); }));
    EXPECT_TRUE(is_invalid([&] { Preprocessor({.width = 3, .height = 3, .scale = {1, nan, 1}}); }));
    EXPECT_TRUE(is_invalid([&] { Preprocessor({.width = 3, .height = 3, .bias = {1, 1, INFINITY}}); }));
    EXPECT_TRUE(is_invalid([&] { Preprocessor({.width = 3, .height = 3, .pad = nan}); }));
    EXPECT_TRUE(is_invalid([] { Preprocessor({.width = 3, .height = 3, .pad = 256}); }));
}

TEST(Preprocessor, refuses_empty_pictures_and_other_tensors) {
    const Preprocessor preprocessor({.width = 4, .height = 4});
    std::vector<float> tensor(preprocessor.tensor_size());
    const Picture picture(2, 2);
    EXPECT_TRUE(is_invalid([&] { (void)preprocessor.run({}, tensor); }));
    EXPECT_TRUE(is_invalid([&] { (void)preprocessor.run({picture.bytes.data(), 0, 2, 6}, tensor); }));
    const ConstImageView planes{picture.bytes.data(), 2, 2, 2, PixelFormat::nv12};
    EXPECT_TRUE(is_invalid([&] { (void)preprocessor.run(planes, tensor); }));
    EXPECT_TRUE(is_invalid([&] { (void)preprocessor.run(picture.view(), std::span(tensor).first(47)); }));
}

}  // namespace
}  // namespace framehop::image
