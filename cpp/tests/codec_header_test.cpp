#include <gtest/gtest.h>

#include <random>

#include "codec_pictures.hpp"
#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {
namespace {

using testing::Buffer;
using testing::error_of;
using testing::make_jpeg;
using testing::patched;
using testing::segment;

std::string code_of(const Buffer& jpeg) {
    return error_of([&] { (void)read_header(jpeg); }).first;
}

Buffer cut(const Buffer& jpeg, std::size_t size) { return {jpeg.begin(), jpeg.begin() + static_cast<long>(size)}; }

TEST(Header, gives_the_size) {
    EXPECT_EQ(read_header(make_jpeg(321, 243)), (Size{321, 243}));
    EXPECT_EQ(read_header(make_jpeg(1, 1)), (Size{1, 1}));
}

TEST(Header, grey_and_progressive_and_444_are_read) {
    const Size size{65, 33};
    EXPECT_EQ(read_header(make_jpeg(65, 33, {.pixel_format = TJPF_GRAY, .subsampling = TJSAMP_GRAY})), size);
    EXPECT_EQ(read_header(make_jpeg(65, 33, {.flags = TJFLAG_PROGRESSIVE})), size);
    EXPECT_EQ(read_header(make_jpeg(65, 33, {.subsampling = TJSAMP_444})), size);
}

TEST(Header, nothing_and_noise_are_corrupt) {
    EXPECT_EQ(code_of({}), "corrupt_picture");
    std::mt19937 random(7);
    for (std::size_t size = 1; size < 600; size += 23) {
        Buffer noise(size);
        for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random());
        EXPECT_EQ(code_of(noise), "corrupt_picture") << size << " bytes";
    }
}

TEST(Header, cut_anywhere_before_the_scan_is_corrupt) {
    const Buffer jpeg = make_jpeg(64, 48);
    for (std::size_t size = 0; size < segment(jpeg, 0xDA) + 10; ++size) {
        EXPECT_EQ(code_of(cut(jpeg, size)), "corrupt_picture") << "cut to " << size << " bytes";
    }
}

TEST(Header, wrong_markers_are_corrupt) {
    const Buffer jpeg = make_jpeg(64, 48);
    EXPECT_EQ(code_of(patched(jpeg, 0, {0x00})), "corrupt_picture");
    EXPECT_EQ(code_of(patched(jpeg, 1, {0xD9})), "corrupt_picture");
    EXPECT_EQ(code_of(patched(jpeg, segment(jpeg, 0xC0) + 1, {0xC8})), "corrupt_picture");
    EXPECT_EQ(code_of(patched(jpeg, segment(jpeg, 0xC0) + 1, {0xFE})),
              "corrupt_picture");  // a comment: no frame header
    EXPECT_EQ(code_of(patched(jpeg, segment(jpeg, 0xDB) + 2, {0, 0})), "corrupt_picture");  // a length below itself
}

TEST(Header, pictures_without_pixels_are_corrupt) {
    const Buffer jpeg = make_jpeg(64, 48);
    EXPECT_EQ(code_of(testing::with_claimed_size(jpeg, 0, 48)), "corrupt_picture");
    EXPECT_EQ(code_of(testing::with_claimed_size(jpeg, 64, 0)), "corrupt_picture");
}

TEST(Header, other_kinds_of_jpeg_are_unsupported) {
    const Buffer jpeg = make_jpeg(64, 48);
    const std::size_t frame = segment(jpeg, 0xC0);
    EXPECT_EQ(code_of(make_jpeg(64, 48, {.pixel_format = TJPF_CMYK})), "unsupported_picture");
    EXPECT_EQ(code_of(patched(jpeg, frame + 4, {12})), "unsupported_picture");
    for (const int process : {3, 5, 6, 7, 11, 13, 14, 15}) {
        EXPECT_EQ(code_of(patched(jpeg, frame + 1, {0xC0 + process})), "unsupported_picture") << process;
    }
}

TEST(Header, refusals_say_what_is_there) {
    const Buffer jpeg = make_jpeg(64, 48);
    const auto twelve = error_of([&] { (void)read_header(patched(jpeg, segment(jpeg, 0xC0) + 4, {12})); });
    EXPECT_NE(twelve.second.find("12 bits"), std::string::npos) << twelve.second;
    const auto huge = error_of([&] { (void)read_header(testing::with_claimed_size(jpeg, 65'535, 9)); });
    EXPECT_EQ(huge.first, "picture_too_large");
    EXPECT_NE(huge.second.find("65535x9"), std::string::npos) << huge.second;
}

TEST(Header, of_a_bomb_is_refused_by_the_cap) {
    const Buffer jpeg = testing::bomb();
    ASSERT_EQ(jpeg.size(), 739U);
    const Size claimed = read_header(jpeg);
    EXPECT_EQ(claimed, (Size{30'000, 30'000}));
    const auto [code, message] = error_of([&] { check_pixels(claimed, kDefaultMaxPixels); });
    EXPECT_EQ(code, "picture_too_large");
    EXPECT_NE(message.find("30000x30000"), std::string::npos) << message;
}

TEST(Header, the_cap_itself_is_allowed) {
    EXPECT_NO_THROW(check_pixels({8192, 8192}, kDefaultMaxPixels));
    EXPECT_EQ(error_of([] { check_pixels({8193, 8192}, kDefaultMaxPixels); }).first, "picture_too_large");
    EXPECT_EQ(error_of([] { check_pixels({65'500, 65'500}, 1ULL << 32); }).first, "no error");
}

TEST(Header, one_bad_picture_does_not_spoil_the_next) {
    const Buffer good = make_jpeg(64, 48);
    for (std::size_t size = 2; size < good.size(); size += 7) {
        (void)error_of([&] { (void)read_header(cut(good, size)); });
        ASSERT_EQ(read_header(good), (Size{64, 48})) << "after one cut to " << size;
    }
}

}  // namespace
}  // namespace framehop::codec
