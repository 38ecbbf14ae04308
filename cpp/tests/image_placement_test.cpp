#include <gtest/gtest.h>

#include "framehop/image/placement.hpp"

namespace framehop::image {
namespace {

TEST(Placement, stretch_fills_the_input) {
    EXPECT_EQ(place(ResizeMode::stretch, 1920, 1080, 300, 300), (Placement{0, 0, 300, 300}));
    EXPECT_EQ(place(ResizeMode::stretch, 1, 1, 300, 200), (Placement{0, 0, 300, 200}));
}

TEST(Placement, letterbox_is_centred) {
    EXPECT_EQ(place(ResizeMode::letterbox, 1280, 720, 640, 640), (Placement{0, 140, 640, 360}));
    EXPECT_EQ(place(ResizeMode::letterbox, 720, 1280, 640, 640), (Placement{140, 0, 360, 640}));
    EXPECT_EQ(place(ResizeMode::letterbox, 640, 640, 640, 640), (Placement{0, 0, 640, 640}));
}

TEST(Placement, odd_padding_leaves_the_smaller_half_first) {
    EXPECT_EQ(place(ResizeMode::letterbox, 100, 97, 100, 100), (Placement{0, 1, 100, 97}));
}

TEST(Placement, topleft_has_its_padding_right_or_below) {
    EXPECT_EQ(place(ResizeMode::letterbox_topleft, 1280, 720, 416, 416), (Placement{0, 0, 416, 234}));
    EXPECT_EQ(place(ResizeMode::letterbox_topleft, 720, 1280, 416, 416), (Placement{0, 0, 234, 416}));
}

TEST(Placement, the_free_side_is_rounded_exactly) {
    EXPECT_EQ(place(ResizeMode::letterbox, 3, 2, 100, 100).height, 67U);  // 66.67
    EXPECT_EQ(place(ResizeMode::letterbox, 3, 1, 100, 100).height, 33U);  // 33.33
    EXPECT_EQ(place(ResizeMode::letterbox, 8, 5, 100, 100).height, 63U);  // 62.5 up
    EXPECT_EQ(place(ResizeMode::letterbox, 5, 8, 100, 100).width, 63U);
}

TEST(Placement, a_needle_keeps_one_pixel) {
    EXPECT_EQ(place(ResizeMode::letterbox, 65'000, 1, 100, 100), (Placement{0, 49, 100, 1}));
    EXPECT_EQ(place(ResizeMode::letterbox, 1, 65'000, 100, 100), (Placement{49, 0, 1, 100}));
}

TEST(Placement, stays_inside_the_input_and_touches_two_sides) {
    for (std::uint32_t width = 1; width < 120; width += 7) {
        for (std::uint32_t height = 1; height < 120; height += 5) {
            const Placement placed = place(ResizeMode::letterbox, width, height, 64, 48);
            EXPECT_LE(placed.x + placed.width, 64U);
            EXPECT_LE(placed.y + placed.height, 48U);
            EXPECT_TRUE(placed.width == 64 || placed.height == 48);
        }
    }
}

TEST(Transform, takes_the_pictures_corners_to_the_placements) {
    const Placement placed = place(ResizeMode::letterbox, 1279, 719, 300, 200);
    const Transform transform = transform_of(placed, 1279, 719);
    EXPECT_DOUBLE_EQ(0 * transform.scale_x + transform.pad_x, placed.x);
    EXPECT_DOUBLE_EQ(0 * transform.scale_y + transform.pad_y, placed.y);
    EXPECT_DOUBLE_EQ(1279 * transform.scale_x + transform.pad_x, placed.x + placed.width);
    EXPECT_DOUBLE_EQ(719 * transform.scale_y + transform.pad_y, placed.y + placed.height);
}

}  // namespace
}  // namespace framehop::image
