// Which damage costs pixels. A picture is taken when all of them are there, whatever libjpeg has to say about its
// bytes.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "codec_libjpeg.hpp"
#include "codec_pictures.hpp"
#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {
namespace {

using testing::Buffer;
using testing::compressed;
using testing::error_of;
using testing::GuardedPicture;

constexpr Size kSize{80, 64};

struct Kind {
    std::string name;
    Buffer jpeg;
    bool ends_by_itself = true;  // its last byte of data is known without the marker behind it
};

const jpeg_scan_info kOneByOne[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};

std::vector<Kind> kinds() {
    const auto make = [](auto set_up) { return compressed(kSize.width, kSize.height, set_up); };
    return {{"baseline", make([](jpeg_compress_struct&) {})},
            {"with restarts", make([](jpeg_compress_struct& info) { info.restart_interval = 3; })},
            {"progressive", make([](jpeg_compress_struct& info) { jpeg_simple_progression(&info); })},
            {"a scan per component", make([](jpeg_compress_struct& info) {
                 info.scan_info = kOneByOne;
                 info.num_scans = 3;
             })},
            {"arithmetic", make([](jpeg_compress_struct& info) { info.arith_code = TRUE; }), false}};
}

std::string outcome(const Buffer& jpeg, GuardedPicture& picture) {
    return error_of([&] { decode(jpeg, read_header(jpeg), picture.view()); }).first;
}

bool same_pixels(const GuardedPicture& a, const GuardedPicture& b) { return testing::psnr(a, b) > 100; }

TEST(Whole, a_picture_cut_anywhere_is_taken_when_all_its_pixels_are_there) {
    for (const Kind& kind : kinds()) {
        GuardedPicture whole(kSize.width, kSize.height);
        ASSERT_EQ(outcome(kind.jpeg, whole), "no error") << kind.name;
        const std::size_t data_end = kind.jpeg.size() - (kind.ends_by_itself ? 2 : 0);
        for (std::size_t size = 0; size < kind.jpeg.size(); ++size) {
            const Buffer cut(kind.jpeg.begin(), kind.jpeg.begin() + static_cast<long>(size));
            GuardedPicture picture(kSize.width, kSize.height);
            const std::string got = outcome(cut, picture);
            ASSERT_EQ(got, size >= data_end ? "no error" : "corrupt_picture") << kind.name << " cut to " << size;
            ASSERT_TRUE(got != "no error" || same_pixels(picture, whole)) << kind.name << " cut to " << size;
        }
    }
}

// The places of the markers RST0 to RST7 and of the end.
std::vector<std::size_t> markers_in_scan(const Buffer& jpeg) {
    std::vector<std::size_t> found;
    for (std::size_t at = testing::segment(jpeg, 0xDA); at + 1 < jpeg.size(); ++at) {
        if (jpeg[at] == 0xFF && jpeg[at + 1] >= 0xD0 && jpeg[at + 1] <= 0xD9) found.push_back(at);
    }
    return found;
}

TEST(Whole, bytes_left_between_data_and_marker_cost_nothing) {
    const Buffer jpeg = kinds()[1].jpeg;
    GuardedPicture whole(kSize.width, kSize.height);
    ASSERT_EQ(outcome(jpeg, whole), "no error");
    ASSERT_GT(markers_in_scan(jpeg).size(), 5U);
    for (const std::size_t at : markers_in_scan(jpeg)) {
        for (const Buffer& stray : {Buffer{0}, Buffer{0x12, 0x34}, Buffer(40, 0), Buffer(3, 0xFF)}) {
            Buffer padded = jpeg;
            padded.insert(padded.begin() + static_cast<long>(at), stray.begin(), stray.end());
            GuardedPicture picture(kSize.width, kSize.height);
            EXPECT_EQ(outcome(padded, picture), "no error") << "before the marker at " << at;
            EXPECT_TRUE(same_pixels(picture, whole));
        }
    }
}

TEST(Whole, a_lost_or_exchanged_restart_is_damage) {
    const Buffer jpeg = kinds()[1].jpeg;
    const std::vector<std::size_t> markers = markers_in_scan(jpeg);
    GuardedPicture picture(kSize.width, kSize.height);
    const auto at = [](std::size_t place) { return static_cast<long>(place); };
    Buffer without = jpeg;
    without.erase(without.begin() + at(markers[1]), without.begin() + at(markers[2]));
    EXPECT_EQ(outcome(without, picture), "corrupt_picture");
    EXPECT_EQ(outcome(testing::patched(jpeg, markers[2] + 1, {0xD7}), picture), "corrupt_picture");
}

TEST(Whole, data_lost_from_the_middle_is_damage) {
    const Buffer jpeg = kinds()[0].jpeg;
    const std::size_t middle = (testing::segment(jpeg, 0xDA) + jpeg.size()) / 2;
    Buffer shorter = jpeg;
    shorter.erase(shorter.begin() + static_cast<long>(middle), shorter.begin() + static_cast<long>(middle) + 40);
    GuardedPicture picture(kSize.width, kSize.height);
    EXPECT_EQ(outcome(shorter, picture), "corrupt_picture");
}

TEST(Whole, scan_parameters_that_baseline_does_not_have_cost_nothing) {
    const Buffer jpeg = kinds()[0].jpeg;
    const std::size_t last_parameters = testing::segment(jpeg, 0xDA) + 2 + 12 - 3;
    GuardedPicture whole(kSize.width, kSize.height);
    ASSERT_EQ(outcome(jpeg, whole), "no error");
    GuardedPicture picture(kSize.width, kSize.height);
    EXPECT_EQ(outcome(testing::patched(jpeg, last_parameters, {0, 0, 0}), picture), "no error");
    EXPECT_TRUE(same_pixels(picture, whole));
}

TEST(Whole, any_sampling_that_libjpeg_scales_back_is_taken) {
    const Buffer threefold =
        compressed(kSize.width, kSize.height, [](jpeg_compress_struct& info) { info.comp_info[0].h_samp_factor = 3; });
    GuardedPicture usual(kSize.width, kSize.height);
    ASSERT_EQ(outcome(kinds()[0].jpeg, usual), "no error");
    GuardedPicture picture(kSize.width, kSize.height);
    EXPECT_EQ(outcome(threefold, picture), "no error");
    EXPECT_GT(testing::psnr(usual, picture), 25.0);
    const std::size_t chroma = testing::segment(threefold, 0xC0) + 14;
    EXPECT_EQ(outcome(testing::patched(threefold, chroma, {0x21}), picture), "unsupported_picture");
}

Buffer without_tables(Buffer jpeg, std::uint8_t marker) {
    for (std::size_t at = 2; jpeg[at + 1] != 0xDA;) {
        const std::size_t size = std::size_t{2} + (jpeg[at + 2] << 8 | jpeg[at + 3]);
        const auto start = jpeg.begin() + static_cast<long>(at);
        if (jpeg[at + 1] == marker) {
            jpeg.erase(start, start + static_cast<long>(size));
        } else {
            at += size;
        }
    }
    return jpeg;
}

TEST(Whole, a_picture_without_tables_does_not_get_those_of_the_picture_before) {
    const Buffer usual = kinds()[0].jpeg;
    const Buffer other = compressed(kSize.width, kSize.height, [](jpeg_compress_struct& info) {
        jpeg_set_quality(&info, 20, TRUE);
        info.optimize_coding = TRUE;
    });
    for (const Buffer& before : {usual, other}) {
        GuardedPicture whole(kSize.width, kSize.height);
        ASSERT_EQ(outcome(usual, whole), "no error");
        GuardedPicture picture(kSize.width, kSize.height);
        ASSERT_EQ(outcome(before, picture), "no error");
        EXPECT_EQ(outcome(without_tables(usual, 0xDB), picture), "corrupt_picture") << "has no steps";
        ASSERT_EQ(outcome(before, picture), "no error");
        EXPECT_EQ(outcome(without_tables(usual, 0xC4), picture), "no error") << "means the standard codes";
        EXPECT_TRUE(same_pixels(picture, whole));
    }
}

}  // namespace
}  // namespace framehop::codec
