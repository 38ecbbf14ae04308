// The golden layout. When a number here has to change, kLayoutVersion changes with it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "framehop/shm/layout.hpp"
#include "framehop/shm/tag_cell.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

std::vector<std::uint8_t> bytes_of(int fd, std::size_t from, std::size_t count) {
    std::vector<std::uint8_t> bytes(count);
    EXPECT_EQ(::pread(fd, bytes.data(), count, static_cast<off_t>(from)), static_cast<ssize_t>(count));
    return bytes;
}

TEST(Layout, golden_version_sizes_and_offsets) {
    EXPECT_EQ(kLayoutVersion, 2U);
    EXPECT_EQ(kSlotsOffset, 192U);
    EXPECT_EQ(offsetof(ControlHeader, written), 132U);
    EXPECT_EQ(sizeof(SlotRecord), 256U);
    EXPECT_EQ(offsetof(SlotRecord, tag), 64U);
    EXPECT_EQ(offsetof(SlotRecord, picture), 240U);
    EXPECT_EQ(offsetof(TagCell, generation), 8U);
    EXPECT_EQ(offsetof(TagCell, epoch), 16U);
    EXPECT_EQ(offsetof(TagCell, seq), 24U);
    EXPECT_EQ(offsetof(TagCell, offset), 32U);
    EXPECT_EQ(offsetof(TagCell, partition_and_length), 40U);
    EXPECT_EQ(offsetof(TagCell, stream), 48U);
    EXPECT_EQ(tickets_offset(10), 192U + 10 * 256);
}

TEST(Layout, golden_bytes_of_a_new_ring) {
    const TestRing ring({.slot_count = 3, .tap_quota = 1, .slot_bytes = 8192});
    const std::vector<std::uint8_t> expected{'F', 'H', 'F', 'P', 'R', 'I', 'N', 'G', 2, 0, 0,  0, 3, 0,
                                             0,   0,   0,   32,  0,   0,   0,   0,   0, 0, 77, 0, 0, 0,
                                             0,   0,   0,   0,   1,   0,   0,   0,   0, 0, 0,  0};
    EXPECT_EQ(bytes_of(ring.fds().control.get(), 0, expected.size()), expected);
}

TEST(Layout, golden_bytes_of_a_published_slot) {
    const TestRing ring({.slot_count = 3, .tap_quota = 1, .slot_bytes = 8192});
    SlotTable table = ring.table();
    const auto id = table.try_acquire({.stream = "gate-1", .epoch = 5, .seq = 6, .partition = 7, .offset = 8});
    ASSERT_TRUE(id);
    table.set_shape(*id, {.width = 9, .height = 10, .stride = 27});
    ASSERT_TRUE(table.publish(*id));
    const auto word = [&](std::size_t at) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes_of(ring.fds().control.get(), kSlotsOffset + at, 8).data(), 8);
        return value;
    };
    EXPECT_EQ(word(0), 0x0000'0002'0000'0001U);
    EXPECT_EQ(word(64), 2U);  // sequence: written once
    EXPECT_EQ(word(72), 1U);
    EXPECT_EQ(word(80), 5U);
    EXPECT_EQ(word(88), 6U);
    EXPECT_EQ(word(96), 8U);
    EXPECT_EQ(word(104), 7U | std::uint64_t{6} << 32);
    EXPECT_EQ(word(112), 0x0000'312d'6574'6167U);  // "gate-1"
    EXPECT_EQ(word(240), 9U | std::uint64_t{10} << 32);
    EXPECT_EQ(word(248), 27U | std::uint64_t{1} << 32);
}

TEST(Layout, plans_are_rounded_to_pages_and_checked) {
    const Geometry geometry = plan_geometry(4, 100, 2);
    EXPECT_EQ(geometry.slot_count, 6U);
    EXPECT_EQ(geometry.slot_bytes, kPageBytes);
    EXPECT_EQ(geometry.total_bytes(), 6 * kPageBytes + kPageBytes);
    EXPECT_TRUE(geometry.valid());
    EXPECT_EQ(code_of([] { static_cast<void>(plan_geometry(0, 1, 0)); }), "invalid_argument");
    EXPECT_EQ(code_of([] { static_cast<void>(plan_geometry(kMaxSlots + 1, 1, 0)); }), "invalid_argument");
    EXPECT_EQ(code_of([] { static_cast<void>(plan_geometry(1, 0, 0)); }), "invalid_argument");
    EXPECT_EQ(code_of([] { static_cast<void>(plan_geometry(1, kMaxSlotBytes + 1, 0)); }), "invalid_argument");
    EXPECT_EQ(code_of([] { static_cast<void>(plan_geometry(1, 1, kMaxTapQuota + 1)); }), "invalid_argument");
}

}  // namespace
}  // namespace framehop::shm
