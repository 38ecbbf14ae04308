#include <gtest/gtest.h>

#include "framehop/shm/frame.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

TEST(FrameTag, is_checked) {
    EXPECT_NO_THROW(check({.stream = std::string(128, 'x')}));
    EXPECT_EQ(code_of([] { check({.stream = ""}); }), "invalid_argument");
    EXPECT_EQ(code_of([] { check({.stream = std::string(129, 'x')}); }), "invalid_argument");
    EXPECT_EQ(code_of([] { check({.stream = "a", .epoch = -1}); }), "invalid_argument");
    EXPECT_EQ(code_of([] { check({.stream = "a", .seq = -1}); }), "invalid_argument");
    EXPECT_EQ(code_of([] { check({.stream = "a", .partition = -1}); }), "invalid_argument");
}

TEST(PictureShape, fits_only_inside_its_slot) {
    EXPECT_TRUE(fits({.width = 10, .height = 10, .stride = 30}, 300));
    EXPECT_FALSE(fits({.width = 10, .height = 10, .stride = 30}, 299));
    EXPECT_FALSE(fits({.width = 10, .height = 10, .stride = 29}, 4096));
    EXPECT_FALSE(fits({.width = 0, .height = 10, .stride = 30}, 4096));
    EXPECT_FALSE(fits({.width = 10, .height = 10, .stride = 30, .format = PixelFormat{9}}, 4096));
}

TEST(PictureShape, fits_with_all_its_planes) {
    for (const PixelFormat format : {PixelFormat::i420, PixelFormat::nv12}) {
        EXPECT_TRUE(fits({.width = 10, .height = 10, .stride = 10, .format = format}, 150));
        EXPECT_FALSE(fits({.width = 10, .height = 10, .stride = 10, .format = format}, 149));
        EXPECT_TRUE(fits({.width = 9, .height = 9, .stride = 10, .format = format}, 140));
        EXPECT_FALSE(fits({.width = 9, .height = 9, .stride = 10, .format = format}, 139));
        EXPECT_FALSE(fits({.width = 9, .height = 9, .stride = 9, .format = format}, 4096));
    }
    EXPECT_TRUE(fits({.width = 300, .height = 1, .stride = 300, .format = PixelFormat::bytes}, 300));
    EXPECT_FALSE(fits({.width = 301, .height = 1, .stride = 301, .format = PixelFormat::bytes}, 300));
    EXPECT_FALSE(fits({.width = 30, .height = 2, .stride = 30, .format = PixelFormat::bytes}, 300));
}

TEST(PictureShape, hostile_numbers_do_not_overflow) {
    constexpr std::uint32_t kMost = UINT32_MAX;
    EXPECT_FALSE(fits({.width = kMost, .height = kMost, .stride = kMost}, std::uint64_t{1} << 32));
    EXPECT_FALSE(fits({.width = kMost / 3 + 1, .height = 1, .stride = 0}, std::uint64_t{1} << 32));
    for (const PixelFormat format : {PixelFormat::gray8, PixelFormat::i420, PixelFormat::nv12}) {
        // Sums of a third that wrap around to a small number, if anything wrapped.
        EXPECT_FALSE(fits({.width = kMost - 1, .height = kMost, .stride = kMost - 1, .format = format}, 1U << 20));
        EXPECT_FALSE(fits({.width = kMost, .height = 1, .stride = 0, .format = format}, 1U << 20));
        EXPECT_FALSE(fits({.width = 2, .height = kMost, .stride = 2, .format = format}, std::uint64_t{1} << 32));
    }
}

}  // namespace
}  // namespace framehop::shm
