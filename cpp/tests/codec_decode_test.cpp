#include <gtest/gtest.h>

#include "codec_pictures.hpp"
#include "framehop/codec/encode.hpp"
#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {
namespace {

using testing::Buffer;
using testing::error_of;
using testing::GuardedPicture;
using testing::make_jpeg;

std::string decode_code(const Buffer& jpeg) {
    const Size size = read_header(jpeg);
    GuardedPicture picture(size.width, size.height);
    const std::string code = error_of([&] { decode(jpeg, size, picture.view()); }).first;
    EXPECT_TRUE(picture.guards_intact());
    return code;
}

TEST(ScaledSize, is_the_smallest_not_below_the_minimum) {
    const Size full_hd{1920, 1080};
    EXPECT_EQ(scaled_size(full_hd, {300, 300}), (Size{720, 405}));  // 3/8; 2/8 gives 270 rows
    EXPECT_EQ(scaled_size(full_hd, {240, 135}), (Size{240, 135}));
    EXPECT_EQ(scaled_size(full_hd, {241, 135}), (Size{480, 270}));
    EXPECT_EQ(scaled_size(full_hd, {640, 0}), (Size{720, 405}));
    EXPECT_EQ(scaled_size(full_hd, {0, 1}), (Size{240, 135}));
    EXPECT_EQ(scaled_size(full_hd, {0, 0}), full_hd);
    EXPECT_EQ(scaled_size(full_hd, {1920, 1}), full_hd);
    EXPECT_EQ(scaled_size(full_hd, {1921, 1}), full_hd);
    EXPECT_EQ(scaled_size({1, 1}, {1, 1}), (Size{1, 1}));
}

TEST(QuickestSize, is_one_that_libjpeg_turbo_is_quick_at) {
    constexpr std::uint64_t kAny = UINT64_MAX;
    const Size hd{1280, 720};
    EXPECT_EQ(quickest_size(hd, {300, 300}, kAny), (Size{640, 360}));
    EXPECT_EQ(quickest_size(hd, {640, 640}, kAny), hd) << "8/8 is quicker than 5/8 to 7/8";
    EXPECT_EQ(quickest_size(hd, {161, 0}, kAny), (Size{320, 180}));
    EXPECT_EQ(quickest_size(hd, {160, 90}, kAny), (Size{160, 90}));
    EXPECT_EQ(quickest_size(hd, {0, 0}, kAny), hd);
    EXPECT_EQ(quickest_size(hd, {5000, 5000}, kAny), hd);
    EXPECT_EQ(quickest_size({1, 1}, {1, 1}, kAny), (Size{1, 1}));
}

TEST(QuickestSize, is_the_smallest_that_is_enough_where_a_quick_one_has_too_many_bytes) {
    const Size full_hd{1920, 1080};
    EXPECT_EQ(quickest_size(full_hd, {1137, 640}, 1920 * 1080 * 3), full_hd);
    EXPECT_EQ(quickest_size(full_hd, {1137, 640}, 1920 * 1080 * 3 - 1), (Size{1200, 675}));
    EXPECT_EQ(quickest_size(full_hd, {700, 0}, 960 * 540 * 3 - 1), (Size{720, 405}));
    EXPECT_EQ(quickest_size(full_hd, {0, 0}, 10), full_hd) << "whoever has the memory refuses it";
    EXPECT_EQ(quickest_size(full_hd, {300, 0}, 10), (Size{480, 270}));
    EXPECT_EQ(quickest_size({65'500, 65'500}, {0, 0}, UINT64_MAX), (Size{65'500, 65'500}));
}

TEST(ScaledSize, agrees_with_turbojpeg_for_every_scale) {
    for (const int side : {1, 2, 7, 8, 9, 15, 16, 17, 99, 640, 1079, 1080, 65'500}) {
        for (int k = 1; k <= 8; ++k) {
            const tjscalingfactor factor{k, 8};
            const auto expected = static_cast<std::uint32_t>(TJSCALED(side, factor));
            const Size size = scaled_size({static_cast<std::uint32_t>(side), 1}, {expected, 0});
            EXPECT_EQ(size.width, expected) << side << " at " << k << "/8";
        }
    }
}

TEST(Decode, every_scale_of_many_sizes_fills_its_view_and_no_more) {
    for (const auto& [width, height] : {std::pair{1, 1}, {2, 3}, {7, 9}, {16, 16}, {17, 31}, {127, 65}, {320, 240}}) {
        const Buffer jpeg = make_jpeg(width, height);
        const Size source = read_header(jpeg);
        for (std::uint32_t k = 1; k <= 8; ++k) {
            const Size size = scaled_size(source, {(source.width * k + 7) / 8, (source.height * k + 7) / 8});
            GuardedPicture picture(size.width, size.height, 5);
            decode(jpeg, source, picture.view());
            EXPECT_TRUE(picture.guards_intact()) << width << "x" << height << " at " << k << "/8";
        }
    }
}

TEST(Decode, a_scaled_picture_is_the_same_picture) {
    const Buffer jpeg = make_jpeg(320, 240);
    GuardedPicture half(160, 120);
    decode(jpeg, {320, 240}, half.view());
    GuardedPicture full(320, 240);
    decode(jpeg, {320, 240}, full.view());
    GuardedPicture every_second(160, 120);
    for (std::uint32_t y = 0; y < 120; ++y) {
        for (std::uint32_t x = 0; x < 160; ++x) {
            std::copy_n(full.view().row(2 * y) + std::size_t{6} * x, 3,
                        every_second.view().row(y) + std::size_t{3} * x);
        }
    }
    EXPECT_GT(testing::psnr(half, every_second), 30.0);
}

TEST(Decode, encoded_pixels_come_back) {
    for (const std::uint32_t row_gap : {0U, 7U}) {
        GuardedPicture before(321, 243, row_gap);
        testing::paint(before.view());
        const EncodedJpeg jpeg = encode(as_const(before.view()), 90);
        GuardedPicture after(321, 243, 3 * row_gap);
        decode(jpeg.bytes(), {321, 243}, after.view());
        EXPECT_GT(testing::psnr(before, after), 38.0);
        EXPECT_TRUE(after.guards_intact());
    }
}

TEST(Decode, grey_becomes_rgb) {
    const Buffer jpeg = make_jpeg(40, 30, {.pixel_format = TJPF_GRAY, .subsampling = TJSAMP_GRAY});
    GuardedPicture picture(40, 30);
    decode(jpeg, {40, 30}, picture.view());
    for (std::uint32_t y = 0; y < 30; ++y) {
        for (std::uint32_t x = 0; x < 40; ++x) {
            const std::uint8_t* pixel = picture.view().row(y) + std::size_t{3} * x;
            ASSERT_TRUE(pixel[0] == pixel[1] && pixel[1] == pixel[2]);
        }
    }
}

TEST(Decode, progressive_is_the_same_picture_as_baseline) {
    GuardedPicture baseline(64, 48);
    decode(make_jpeg(64, 48), {64, 48}, baseline.view());
    GuardedPicture progressive(64, 48);
    decode(make_jpeg(64, 48, {.flags = TJFLAG_PROGRESSIVE}), {64, 48}, progressive.view());
    EXPECT_GT(testing::psnr(baseline, progressive), 60.0);
}

TEST(Decode, a_forged_larger_size_is_corrupt) {
    const Buffer jpeg = make_jpeg(64, 48);
    EXPECT_EQ(decode_code(testing::with_claimed_size(jpeg, 640, 480)), "corrupt_picture");
}

// A valid picture of three components whose first one is sent `scans` times, the others never.
Buffer with_scans(int scans) {
    Buffer jpeg = make_jpeg(16, 16, {.pixel_format = TJPF_GRAY, .subsampling = TJSAMP_GRAY});
    const std::size_t frame = testing::segment(jpeg, 0xC0);
    jpeg = testing::patched(jpeg, frame + 3, {8 + 3 * 3});
    jpeg = testing::patched(jpeg, frame + 9, {3});
    const Buffer more{2, 0x11, 0, 3, 0x11, 0};
    jpeg.insert(jpeg.begin() + static_cast<long>(frame) + 13, more.begin(), more.end());
    const Buffer scan(jpeg.begin() + static_cast<long>(testing::segment(jpeg, 0xDA)), jpeg.end() - 2);
    for (int k = 1; k < scans; ++k) jpeg.insert(jpeg.end() - 2, scan.begin(), scan.end());
    return jpeg;
}

TEST(Decode, thousands_of_scans_are_refused) {
    EXPECT_EQ(decode_code(with_scans(400)), "no error");
    EXPECT_EQ(decode_code(with_scans(3'000)), "corrupt_picture");
}

TEST(Decode, a_view_of_another_size_is_the_callers_error) {
    const Buffer jpeg = make_jpeg(64, 48);
    GuardedPicture picture(63, 48);
    EXPECT_EQ(error_of([&] { decode(jpeg, {64, 48}, picture.view()); }).first, "invalid_argument");
    GuardedPicture doubled(128, 96);
    EXPECT_EQ(error_of([&] { decode(jpeg, {64, 48}, doubled.view()); }).first, "invalid_argument");
    ImageView narrow = doubled.view();
    narrow.width = 64;
    narrow.height = 48;
    narrow.stride = 64 * 3 - 1;
    EXPECT_EQ(error_of([&] { decode(jpeg, {64, 48}, narrow); }).first, "invalid_argument");
    EXPECT_TRUE(doubled.guards_intact());
}

TEST(Decode, bytes_that_change_after_the_header_stay_inside_the_view) {
    const Buffer larger = make_jpeg(128, 96);
    GuardedPicture picture(64, 48);
    decode(larger, {64, 48}, picture.view());  // comes at half its size
    EXPECT_TRUE(picture.guards_intact());
    const Buffer huge = make_jpeg(640, 640);
    EXPECT_EQ(error_of([&] { decode(huge, {64, 48}, picture.view()); }).first, "corrupt_picture");
    EXPECT_TRUE(picture.guards_intact());
}

TEST(Encode, refuses_what_no_jpeg_can_hold) {
    GuardedPicture picture(4, 4);
    const ConstImageView view = as_const(picture.view());
    EXPECT_EQ(error_of([&] { (void)encode(view, 0); }).first, "invalid_argument");
    EXPECT_EQ(error_of([&] { (void)encode(view, 101); }).first, "invalid_argument");
    EXPECT_EQ(error_of([&] { (void)encode({view.data, 0, 4, 12}, 90); }).first, "invalid_argument");
    EXPECT_EQ(error_of([&] { (void)encode({view.data, kMaxSide + 1, 1, 200'000}, 90); }).first, "invalid_argument");
    EXPECT_EQ(error_of([&] { (void)encode({view.data, 4, 4, 11}, 90); }).first, "invalid_argument");
    EXPECT_EQ(error_of([&] { (void)encode({nullptr, 4, 4, 12}, 90); }).first, "invalid_argument");
    EXPECT_EQ(error_of([&] { (void)encode({view.data, 4, 4, 12, PixelFormat::gray8}, 90); }).first, "invalid_argument");
}

TEST(Encode, the_largest_side_works) {
    GuardedPicture strip(kMaxSide, 1);
    testing::paint(strip.view());
    EXPECT_EQ(read_header(encode(as_const(strip.view()), 50).bytes()), (Size{kMaxSide, 1}));
}

TEST(Encode, a_higher_quality_is_closer) {
    GuardedPicture before(160, 120);
    testing::paint(before.view());
    const auto quality_db = [&](int quality) {
        GuardedPicture after(160, 120);
        decode(encode(as_const(before.view()), quality).bytes(), {160, 120}, after.view());
        return testing::psnr(before, after);
    };
    EXPECT_LT(quality_db(5), quality_db(50));
    EXPECT_LT(quality_db(50), quality_db(95));
}

}  // namespace
}  // namespace framehop::codec
