// The quick decoder gives the pixels of libjpeg-turbo, and leaves to it what it does not read.
#ifdef __x86_64__

#include "codec_baseline.hpp"

#include <gtest/gtest.h>

#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {
namespace {

using testing::Buffer;
using testing::by_libjpeg;
using testing::compressed;
using testing::quickly;

constexpr std::uint32_t kScales[] = {1, 2, 4, 8};

struct Sampling {
    int across, down;
};

constexpr Sampling kSamplings[] = {{1, 1}, {2, 1}, {2, 2}};

class Baseline : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!has_baseline_kernels()) GTEST_SKIP() << "this processor has no AVX2 or no BMI2";
    }

    // Both decoders read `jpeg`, and alike.
    void expect_same_pixels(const Buffer& jpeg, const std::string& what) {
        for (const std::uint32_t eighths : kScales) {
            const auto quick = quickly(decoder_, jpeg, eighths);
            ASSERT_TRUE(quick.has_value()) << what << " at " << eighths << "/8";
            ASSERT_TRUE(quick == by_libjpeg(jpeg, eighths)) << what << " at " << eighths << "/8";
        }
    }

    void expect_left_to_libjpeg(const Buffer& jpeg, const std::string& what, std::uint32_t eighths = 8) {
        ASSERT_TRUE(by_libjpeg(jpeg, eighths).has_value()) << what;
        EXPECT_FALSE(quickly(decoder_, jpeg, eighths).has_value()) << what;
    }

    BaselineDecoder decoder_;
};

Buffer sampled(Sampling sampling, std::uint32_t width, std::uint32_t height, int quality, unsigned restarts = 0) {
    return compressed(width, height, [&](jpeg_compress_struct& info) {
        jpeg_set_quality(&info, quality, TRUE);
        info.comp_info[0].h_samp_factor = sampling.across;
        info.comp_info[0].v_samp_factor = sampling.down;
        info.restart_interval = restarts;
    });
}

std::string name_of(Sampling sampling, std::uint32_t width, std::uint32_t height) {
    return std::to_string(sampling.across) + "x" + std::to_string(sampling.down) + ", " + std::to_string(width) + "x" +
           std::to_string(height);
}

TEST_F(Baseline, pixels_are_those_of_libjpeg_for_each_sampling_and_size) {
    for (const Sampling sampling : kSamplings) {
        for (const std::uint32_t width : {17U, 24U, 31U, 32U, 33U, 63U, 64U, 65U, 100U, 131U}) {
            for (const std::uint32_t height : {1U, 2U, 7U, 8U, 16U, 17U, 33U, 50U}) {
                expect_same_pixels(sampled(sampling, width, height, 90), name_of(sampling, width, height));
            }
        }
    }
}

TEST_F(Baseline, pixels_are_those_of_libjpeg_for_each_quality) {
    for (const Sampling sampling : kSamplings) {
        for (const int quality : {1, 10, 30, 50, 75, 95, 100}) {
            expect_same_pixels(sampled(sampling, 120, 90, quality), "quality " + std::to_string(quality));
        }
    }
}

TEST_F(Baseline, pixels_are_those_of_libjpeg_with_restarts) {
    for (const Sampling sampling : kSamplings) {
        for (const unsigned interval : {1U, 3U, 8U, 1000U}) {
            expect_same_pixels(sampled(sampling, 120, 90, 90, interval), "every " + std::to_string(interval));
        }
    }
}

TEST_F(Baseline, pixels_are_those_of_libjpeg_with_tables_of_the_picture_itself) {
    expect_same_pixels(compressed(120, 90, [](jpeg_compress_struct& info) { info.optimize_coding = TRUE; }),
                       "optimised");
}

TEST_F(Baseline, pixels_are_those_of_libjpeg_in_grey) {
    for (const std::uint32_t width : {1U, 8U, 33U, 100U}) {
        expect_same_pixels(
            compressed(width, 30, [](jpeg_compress_struct& info) { jpeg_set_colorspace(&info, JCS_GRAYSCALE); }),
            "grey");
    }
}

TEST_F(Baseline, tables_of_the_last_picture_are_not_used_for_the_next) {
    const Buffer own = compressed(120, 90, [](jpeg_compress_struct& info) { info.optimize_coding = TRUE; });
    for (int k = 0; k < 3; ++k) {
        expect_same_pixels(sampled({2, 2}, 120, 90, 90), "standard tables");
        expect_same_pixels(own, "tables of its own");
    }
}

TEST_F(Baseline, a_picture_longer_than_the_stretch_that_is_read_at_once) {
    const Buffer jpeg = sampled({1, 1}, 700, 500, 100, 7);
    ASSERT_GT(jpeg.size(), 60'000U);
    expect_same_pixels(jpeg, "long");
}

TEST_F(Baseline, other_processes_and_samplings_are_left_to_libjpeg) {
    const jpeg_scan_info one_by_one[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    expect_left_to_libjpeg(compressed(64, 64, [](auto& info) { jpeg_simple_progression(&info); }), "progressive");
    expect_left_to_libjpeg(compressed(64, 64, [](auto& info) { info.arith_code = TRUE; }), "arithmetic");
    expect_left_to_libjpeg(compressed(64, 64, [&](auto& info) { info.scan_info = one_by_one, info.num_scans = 3; }),
                           "scans");
    expect_left_to_libjpeg(compressed(64, 64, [](auto& info) { jpeg_set_colorspace(&info, JCS_RGB); }), "RGB");
    expect_left_to_libjpeg(sampled({1, 2}, 64, 64, 90), "4:4:0");
    expect_left_to_libjpeg(sampled({4, 1}, 64, 64, 90), "4:1:1");
    expect_left_to_libjpeg(sampled({2, 2}, 64, 64, 90), "an odd scale", 3);
    expect_left_to_libjpeg(sampled({2, 2}, 4, 64, 90), "so narrow that libjpeg does not interpolate");
}

// Changes one to four bytes or bits, mostly in the headers, or takes some away.
Buffer damaged(Buffer jpeg, std::mt19937& random) {
    const auto below = [&](std::size_t end) { return random() % end; };
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
        const std::size_t at = below(2) != 0 ? below(jpeg.size()) : below(std::min<std::size_t>(jpeg.size(), 640));
        const std::size_t kind = below(8);
        if (kind == 0) jpeg.erase(jpeg.begin() + static_cast<std::ptrdiff_t>(at));
        if (kind == 1 && jpeg.size() > 700) jpeg.resize(jpeg.size() - below(jpeg.size() / 2));
        if (kind > 4) jpeg[at] = static_cast<std::uint8_t>(random());
        if (kind > 1 && kind < 5 && at < jpeg.size()) jpeg[at] = static_cast<std::uint8_t>(jpeg[at] ^ 1U << below(8));
    }
    return jpeg;
}

TEST_F(Baseline, of_damaged_pictures_it_takes_none_that_libjpeg_refuses_and_gives_the_same_pixels) {
    // NOLINTNEXTLINE(bugprone-random-generator-seed,cert-msc32-c,cert-msc51-cpp): the same each time
    std::mt19937 random(11);
    int taken = 0;
    for (int k = 0; k < 1500; ++k) {
        const Buffer whole = sampled(kSamplings[k % 3], 20 + k % 50, 20 + k % 31, 20 + k % 80, k % 4 == 0 ? 3 : 0);
        const Buffer jpeg = damaged(whole, random);
        const std::uint32_t eighths = kScales[random() % 4];
        Decompressor header;
        if (!header.read_header(jpeg) || header.size().width * header.size().height > 100'000) continue;
        const auto quick = quickly(decoder_, jpeg, eighths);
        if (!quick) continue;
        ++taken;
        ASSERT_TRUE(quick == by_libjpeg(jpeg, eighths)) << "picture " << k << " at " << eighths << "/8";
    }
    EXPECT_GT(taken, 100);
}

TEST_F(Baseline, coefficients_of_any_size_give_the_same_pixels_or_are_left_to_libjpeg) {
    // NOLINTNEXTLINE(bugprone-random-generator-seed,cert-msc32-c,cert-msc51-cpp): the same each time
    std::mt19937 random(3);
    std::array<JCOEF, DCTSIZE2> values{};
    for (int k = 0; k < 400; ++k) {
        for (JCOEF& value : values) value = static_cast<JCOEF>(random() % 2 != 0 ? 1023 : -1023);
        const Buffer jpeg = testing::of_coefficients(values, static_cast<UINT16>(1 + k % 5));
        for (const std::uint32_t eighths : kScales) {
            const auto quick = quickly(decoder_, jpeg, eighths);
            EXPECT_EQ(quick.has_value(), k % 5 < 2) << "step " << 1 + k % 5;
            if (!quick) continue;
            ASSERT_TRUE(quick == by_libjpeg(jpeg, eighths)) << "picture " << k << " at " << eighths << "/8";
        }
    }
}

TEST_F(Baseline, coefficients_that_no_encoder_writes_are_left_to_libjpeg) {
    Buffer jpeg = sampled({1, 1}, 64, 64, 50);
    const std::size_t steps = testing::segment(jpeg, 0xDB) + 5;
    std::fill_n(jpeg.begin() + static_cast<std::ptrdiff_t>(steps), 64, std::uint8_t{255});
    for (const std::uint32_t eighths : kScales) expect_left_to_libjpeg(jpeg, "forged steps", eighths);
}

}  // namespace
}  // namespace framehop::codec

#endif
