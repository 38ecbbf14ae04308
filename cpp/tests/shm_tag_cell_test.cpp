#include <gtest/gtest.h>

#include "framehop/shm/tag_cell.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

TEST(TagCell, reads_back_the_tag_of_its_generation_only) {
    TagCell cell{};
    const FrameTag tag{
        .stream = std::string(128, 'z'), .epoch = 1'795'354'262'346'000, .seq = 42, .partition = 3, .offset = -1};
    write_tag(cell, tag, 9);
    EXPECT_EQ(read_tag(cell, 9), tag);
    EXPECT_EQ(read_tag(cell, 8), std::nullopt);
}

TEST(TagCell, a_cell_never_written_has_no_tag) {
    const TagCell cell{};
    EXPECT_EQ(read_tag(cell, 0), std::nullopt);
    EXPECT_EQ(read_tag(cell, 1), std::nullopt);
}

TEST(TagCell, a_cell_left_half_written_is_mended_by_the_next_write) {
    TagCell cell{};
    write_tag(cell, tag_of(1), 1);
    cell.sequence.fetch_add(1);  // killed right after begin_write
    EXPECT_EQ(read_tag(cell, 1), std::nullopt);
    write_tag(cell, tag_of(2), 2);
    EXPECT_EQ(read_tag(cell, 2), tag_of(2));
}

TEST(TagCell, a_scribbled_length_stays_inside_the_cell) {
    TagCell cell{};
    write_tag(cell, tag_of(1), 1);
    cell.partition_and_length.store(std::uint64_t{UINT32_MAX} << 32);
    const auto tag = read_tag(cell, 1);
    ASSERT_TRUE(tag);
    EXPECT_EQ(tag->stream.size(), kMaxStreamBytes);
}

TEST(PictureCell, reads_back_the_shape) {
    PictureCell cell{};
    const PictureShape shape{.width = 1920, .height = 1080, .stride = 5760};
    write_shape(cell, shape);
    EXPECT_EQ(read_shape(cell), shape);
    const PictureShape odd{.width = 5, .height = 3, .stride = 6, .format = PixelFormat::nv12};
    write_shape(cell, odd);
    EXPECT_EQ(read_shape(cell), odd);
}

TEST(PictureCell, a_scribbled_format_is_none_that_there_is) {
    PictureCell cell{};
    cell.stride_and_format.store(std::uint64_t{0x1'0001} << 32 | 3);  // its low half would be rgb8
    EXPECT_FALSE(is_known(read_shape(cell).format));
}

}  // namespace
}  // namespace framehop::shm
