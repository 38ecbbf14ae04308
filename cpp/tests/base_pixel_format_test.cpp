#include <gtest/gtest.h>

#include <vector>

#include "framehop/base/image_view.hpp"

namespace framehop {
namespace {

constexpr PixelFormat kAll[] = {PixelFormat::rgb8, PixelFormat::bgr8, PixelFormat::gray8,
                                PixelFormat::i420, PixelFormat::nv12, PixelFormat::bytes};

TEST(PixelFormat, numbers_stand_in_memory_and_on_the_wire) {
    std::vector<int> numbers;
    for (const PixelFormat format : kAll) numbers.push_back(static_cast<int>(format));
    EXPECT_EQ(numbers, (std::vector{1, 3, 4, 5, 6, 7}));
}

TEST(PixelFormat, is_one_of_these) {
    for (const PixelFormat format : kAll) {
        EXPECT_TRUE(is_known(format));
        EXPECT_NE(name(format), "unknown");
    }
    for (const int number : {0, 2, 8, 0xffff}) {
        EXPECT_FALSE(is_known(static_cast<PixelFormat>(number)));
        EXPECT_EQ(name(static_cast<PixelFormat>(number)), "unknown");
        EXPECT_FALSE(is_sound(static_cast<PixelFormat>(number), 4, 4, 12));
    }
}

std::uint64_t tight_bytes(PixelFormat format, std::uint32_t width, std::uint32_t height) {
    return picture_bytes(format, height, static_cast<std::uint32_t>(row_bytes(format, width)));
}

TEST(PixelFormat, a_picture_has_the_bytes_of_all_its_planes) {
    EXPECT_EQ(tight_bytes(PixelFormat::rgb8, 5, 3), 45U);
    EXPECT_EQ(tight_bytes(PixelFormat::bgr8, 5, 3), 45U);
    EXPECT_EQ(tight_bytes(PixelFormat::gray8, 5, 3), 15U);
    EXPECT_EQ(tight_bytes(PixelFormat::bytes, 5, 1), 5U);
    for (const PixelFormat format : {PixelFormat::i420, PixelFormat::nv12}) {
        EXPECT_EQ(tight_bytes(format, 4, 2), 12U);
        EXPECT_EQ(tight_bytes(format, 5, 3), 6U * 3 + 6U * 2);  // 5 columns and one of padding; colour 3 x 2
        EXPECT_EQ(tight_bytes(format, 1, 1), 4U);
    }
}

TEST(PixelFormat, rows_of_one_plane_may_have_padding) {
    EXPECT_TRUE(is_sound(PixelFormat::rgb8, 5, 3, 16));
    EXPECT_TRUE(is_sound(PixelFormat::gray8, 5, 3, 8));
    EXPECT_FALSE(is_sound(PixelFormat::bgr8, 5, 3, 14));
    EXPECT_FALSE(is_sound(PixelFormat::gray8, 5, 3, 4));
}

TEST(PixelFormat, rows_of_several_planes_have_none) {
    for (const PixelFormat format : {PixelFormat::i420, PixelFormat::nv12}) {
        EXPECT_TRUE(is_sound(format, 5, 3, 6));
        EXPECT_FALSE(is_sound(format, 5, 3, 5));
        EXPECT_FALSE(is_sound(format, 5, 3, 8));
    }
    EXPECT_TRUE(is_sound(PixelFormat::bytes, 5, 1, 5));
    EXPECT_FALSE(is_sound(PixelFormat::bytes, 5, 2, 5));
    EXPECT_FALSE(is_sound(PixelFormat::bytes, 5, 1, 6));
}

TEST(PixelFormat, the_widest_row_does_not_overflow) {
    EXPECT_EQ(row_bytes(PixelFormat::nv12, UINT32_MAX), std::uint64_t{1} << 32);
    EXPECT_EQ(row_count(PixelFormat::nv12, UINT32_MAX), UINT32_MAX + (std::uint64_t{1} << 31));
    EXPECT_FALSE(is_sound(PixelFormat::nv12, UINT32_MAX, 1, 0));
}

struct Extent {
    std::ptrdiff_t offset;
    std::uint32_t width;
    std::uint32_t height;
    std::uint32_t stride;
    std::uint32_t channels;
    bool operator==(const Extent&) const = default;
};

std::vector<Extent> extents_of(PixelFormat format, std::uint32_t width, std::uint32_t height) {
    static std::uint8_t memory[1];
    const ImageView view{memory, width, height, static_cast<std::uint32_t>(row_bytes(format, width)), format};
    std::vector<Extent> extents;
    for (const auto& plane : planes_of(view)) {
        extents.push_back({plane.data - memory, plane.width, plane.height, plane.stride, plane.channels});
    }
    return extents;
}

TEST(Planes, of_pixels_side_by_side_are_one) {
    EXPECT_EQ(extents_of(PixelFormat::bgr8, 5, 3), (std::vector<Extent>{{0, 5, 3, 15, 3}}));
    EXPECT_EQ(extents_of(PixelFormat::gray8, 5, 3), (std::vector<Extent>{{0, 5, 3, 5, 1}}));
    EXPECT_EQ(extents_of(PixelFormat::bytes, 5, 1), (std::vector<Extent>{{0, 5, 1, 5, 1}}));
}

TEST(Planes, of_even_sides) {
    EXPECT_EQ(extents_of(PixelFormat::i420, 4, 2),
              (std::vector<Extent>{{0, 4, 2, 4, 1}, {8, 2, 1, 2, 1}, {10, 2, 1, 2, 1}}));
    EXPECT_EQ(extents_of(PixelFormat::nv12, 4, 2), (std::vector<Extent>{{0, 4, 2, 4, 1}, {8, 2, 1, 4, 2}}));
}

TEST(Planes, of_odd_sides_are_rounded_up) {
    EXPECT_EQ(extents_of(PixelFormat::i420, 5, 3),
              (std::vector<Extent>{{0, 5, 3, 6, 1}, {18, 3, 2, 3, 1}, {24, 3, 2, 3, 1}}));
    EXPECT_EQ(extents_of(PixelFormat::nv12, 5, 3), (std::vector<Extent>{{0, 5, 3, 6, 1}, {18, 3, 2, 6, 2}}));
}

TEST(Planes, end_with_the_picture) {
    for (const PixelFormat format : kAll) {
        const std::uint32_t height = format == PixelFormat::bytes ? 1 : 7;
        const Extent last = extents_of(format, 9, height).back();
        EXPECT_EQ(static_cast<std::uint64_t>(last.offset) + std::uint64_t{last.height} * last.stride,
                  tight_bytes(format, 9, height))
            << name(format);
    }
}

}  // namespace
}  // namespace framehop
