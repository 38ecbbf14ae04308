#include <gtest/gtest.h>

#include <random>

#include "codec_exif.hpp"
#include "codec_pictures.hpp"
#include "framehop/codec/jpeg.hpp"
#include "framehop/codec/orientation.hpp"

namespace framehop::codec {
namespace {

using testing::Buffer;
using testing::exif;
using testing::GuardedPicture;
using testing::make_jpeg;
using testing::with_app1;

int read(const Buffer& jpeg) { return static_cast<int>(read_orientation(jpeg)); }

TEST(Orientation, is_read_in_both_byte_orders_and_both_types) {
    const Buffer jpeg = make_jpeg(16, 16);
    for (std::uint32_t value = 1; value <= 8; ++value) {
        for (const bool little : {true, false}) {
            EXPECT_EQ(read(with_app1(jpeg, exif(value, little))), static_cast<int>(value));
            EXPECT_EQ(read(with_app1(jpeg, exif(value, little, 4))), static_cast<int>(value));
        }
    }
}

TEST(Orientation, is_upright_where_nothing_sensible_is_said) {
    const Buffer jpeg = make_jpeg(16, 16);
    EXPECT_EQ(read(jpeg), 1);
    for (const std::uint32_t value : {0U, 9U, 65'535U}) EXPECT_EQ(read(with_app1(jpeg, exif(value))), 1);
    EXPECT_EQ(read(with_app1(jpeg, {'h', 't', 't', 'p', ':', '/', '/', 'x'})), 1);
    EXPECT_EQ(read({}), 1);
    EXPECT_EQ(read({0xFF, 0xD8}), 1);
}

TEST(Orientation, is_found_behind_other_segments_and_fill_bytes) {
    Buffer jpeg = with_app1(make_jpeg(16, 16), exif(6));
    jpeg = with_app1(jpeg, {'h', 't', 't', 'p', ':', '/', '/', 'x'});
    jpeg.insert(jpeg.begin() + 2, {0xFF, 0xFF, 0xFF});
    EXPECT_EQ(read(jpeg), 6);
}

TEST(Orientation, of_a_thumbnail_or_in_the_scan_does_not_count) {
    Buffer jpeg = make_jpeg(16, 16);
    const Buffer inner = with_app1(make_jpeg(8, 8), exif(6));
    EXPECT_EQ(read(with_app1(jpeg, inner)), 1);
    jpeg.insert(jpeg.end(), inner.begin(), inner.end());
    EXPECT_EQ(read(jpeg), 1);
}

TEST(Orientation, reads_nothing_beyond_a_cut_or_forged_structure) {
    const Buffer whole = with_app1(make_jpeg(16, 16), exif(6));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Buffer cut(whole.begin(), whole.begin() + static_cast<long>(size));  // its own memory, for ASan
        (void)read(cut);
    }
    std::mt19937 random(11);
    const Buffer body = exif(6);
    for (int round = 0; round < 20'000; ++round) {
        Buffer forged = body;
        for (int k = 0; k < 3; ++k) forged[random() % forged.size()] = static_cast<std::uint8_t>(random());
        const int value = read(with_app1({0xFF, 0xD8, 0xFF, 0xD9}, forged));
        EXPECT_TRUE(value >= 1 && value <= 8) << value;
    }
}

// Where Exif 2.32 says that stored pixel (x, y) of a stored width x height picture is seen.
std::pair<std::uint32_t, std::uint32_t> seen_at(int orientation, std::uint32_t x, std::uint32_t y, Size stored) {
    const std::uint32_t right = stored.width - 1 - x;
    const std::uint32_t below = stored.height - 1 - y;
    switch (orientation) {
        case 2:
            return {right, y};
        case 3:
            return {right, below};
        case 4:
            return {x, below};
        case 5:
            return {y, x};
        case 6:
            return {below, x};
        case 7:
            return {below, right};
        case 8:
            return {y, right};
        default:
            return {x, y};
    }
}

void expect_turned(const GuardedPicture& stored, const GuardedPicture& upright, int orientation) {
    const ConstImageView from = stored.view();
    const ConstImageView to = upright.view();
    for (std::uint32_t y = 0; y < from.height; ++y) {
        for (std::uint32_t x = 0; x < from.width; ++x) {
            const auto [at_x, at_y] = seen_at(orientation, x, y, {from.width, from.height});
            const std::uint8_t* a = from.row(y) + std::size_t{3} * x;
            const std::uint8_t* b = to.row(at_y) + std::size_t{3} * at_x;
            ASSERT_TRUE(a[0] == b[0] && a[1] == b[1] && a[2] == b[2]) << orientation << " at " << x << "," << y;
        }
    }
}

TEST(Orientation, every_picture_decodes_upright_at_every_scale) {
    for (const auto& [width, height] : {std::pair{1, 1}, {1, 40}, {40, 1}, {16, 16}, {33, 70}, {65, 17}}) {
        const Buffer plain = make_jpeg(width, height);
        for (std::uint32_t eighths = 1; eighths <= 8; ++eighths) {
            const Size source = read_header(plain);
            const Size size =
                scaled_size(source, {(source.width * eighths + 7) / 8, (source.height * eighths + 7) / 8});
            GuardedPicture stored(size.width, size.height);
            decode(plain, source, stored.view());
            for (int value = 1; value <= 8; ++value) {
                const Buffer jpeg = with_app1(plain, exif(static_cast<std::uint32_t>(value)));
                const auto orientation = static_cast<Orientation>(value);
                EXPECT_EQ(read_header(jpeg), turned(source, orientation));
                const Size seen = turned(size, orientation);
                GuardedPicture upright(seen.width, seen.height, 5);
                decode(jpeg, read_header(jpeg), upright.view());
                EXPECT_TRUE(upright.guards_intact());
                expect_turned(stored, upright, value);
            }
        }
    }
}

TEST(Orientation, decides_which_side_the_minimum_is_for) {
    const Buffer jpeg = with_app1(make_jpeg(640, 80), exif(6));
    EXPECT_EQ(scaled_size(read_header(jpeg), {40, 10}), (Size{40, 320}));
}

}  // namespace
}  // namespace framehop::codec
