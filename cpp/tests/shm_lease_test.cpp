#include <gtest/gtest.h>

#include "framehop/shm/lease.hpp"
#include "framehop/shm/reader.hpp"
#include "framehop/shm/ring.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

class LeaseTest : public ::testing::Test {
  protected:
    SlotId publish(std::int64_t seq = 1) {
        const auto slot = writer.try_acquire(tag_of(seq));
        static_cast<void>(slot->image(4, 2));
        return slot->publish().id();
    }
    void scribble(SlotId id, std::uint64_t size) { test_ring.control->slot(id.slot).picture.size.store(size); }

    TestRing test_ring{{.slot_count = 4, .tap_quota = 1, .slot_bytes = 4096}};
    SlotTable table{test_ring.table()};
    Ring writer{test_ring.member(Role::writer, 0)};
    RingReader detector{test_ring.member(Role::detector, 1)};
    RingReader tap{test_ring.member(Role::tap, 2)};
    RingReader other_tap{test_ring.member(Role::tap, 3)};
};

TEST_F(LeaseTest, knows_its_picture) {
    const SlotId id = publish(5);
    const auto lease = detector.try_lease(id);
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->tag(), tag_of(5));
    EXPECT_EQ(lease->image().width, 4U);
    EXPECT_EQ(lease->image().height, 2U);
    EXPECT_EQ(lease->image().data, test_ring.pixels->slot(id.slot));
}

TEST_F(LeaseTest, knows_the_format_of_its_picture) {
    const auto slot = writer.try_acquire(tag_of(1));
    EXPECT_EQ(slot->image(5, 3, PixelFormat::nv12).size_bytes(), 30U);
    const SlotRef ref = slot->publish();
    EXPECT_EQ(ref.format, PixelFormat::nv12);
    const auto lease = detector.try_lease(ref.id());
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->ref(), ref);
    EXPECT_EQ(lease->image().size_bytes(), 30U);
    EXPECT_EQ(planes_of(lease->image()).size(), 2U);
}

TEST_F(LeaseTest, a_format_that_makes_no_sense_is_stale) {
    const SlotId id = publish();
    auto& cell = test_ring.control->slot(id.slot).picture.stride_and_format;
    for (const std::uint64_t format : {0U, 2U, 5U, 7U, 8U, 0x1'0001U}) {
        cell.store(format << 32 | 12);  // the stride of 4 RGB pixels
        EXPECT_FALSE(detector.try_lease(id)) << format;
    }
    cell.store(std::uint64_t{4} << 32 | 12);
    EXPECT_TRUE(detector.try_lease(id));  // as grey, with padding
    EXPECT_EQ(table.leases_of(1), 0U);
}

TEST_F(LeaseTest, finds_the_newest_of_a_stream) {
    EXPECT_FALSE(detector.try_lease_newest(""));
    const SlotId first = publish(1);
    publish(3);
    const SlotId last = publish(3);
    EXPECT_EQ(detector.try_lease_newest("cam-1")->ref().id(), first);
    EXPECT_EQ(detector.try_lease_newest("")->tag(), tag_of(3));
    ASSERT_TRUE(writer.retire(last));
    EXPECT_NE(detector.try_lease_newest("cam-3")->ref().id(), last);
    EXPECT_FALSE(detector.try_lease_newest("cam-2"));
}

TEST_F(LeaseTest, two_leases_of_one_slot_share_the_bit) {
    const SlotId id = publish();
    auto first = detector.try_lease(id);
    auto second = detector.try_lease(id);
    EXPECT_EQ(table.snapshot()[id.slot].leases, 1U);
    first.reset();
    EXPECT_EQ(table.leases_of(1), 1U);
    second.reset();
    EXPECT_EQ(table.leases_of(1), 0U);
}

TEST_F(LeaseTest, a_retired_picture_cannot_be_leased_again_even_by_who_holds_it) {
    const SlotId id = publish();
    const auto held = detector.try_lease(id);
    ASSERT_TRUE(writer.retire(id));
    EXPECT_FALSE(detector.try_lease(id));
}

TEST_F(LeaseTest, outlives_the_close_of_its_reader) {
    const SlotId id = publish();
    auto lease = detector.try_lease(id);
    detector.close();
    EXPECT_EQ(table.leases_of(1), 1U);
    EXPECT_EQ(code_of([&] { static_cast<void>(detector.try_lease(id)); }), "closed");
    lease.reset();
    EXPECT_EQ(table.leases_of(1), 0U);
}

TEST_F(LeaseTest, taps_together_pin_no_more_than_the_quota) {
    const SlotId first = publish(1);
    const SlotId second = publish(2);
    auto held = tap.try_lease(first);
    ASSERT_TRUE(held);
    EXPECT_TRUE(tap.try_lease(first)) << "the same slot is pinned already";
    EXPECT_FALSE(tap.try_lease(second));
    EXPECT_FALSE(other_tap.try_lease(second));
    EXPECT_TRUE(detector.try_lease(second)) << "the quota is the taps'";
    held.reset();
    EXPECT_TRUE(other_tap.try_lease(second));
}

TEST_F(LeaseTest, a_stale_request_costs_no_quota) {
    const SlotId id = publish();
    EXPECT_FALSE(tap.try_lease({id.slot, id.generation + 1}));
    EXPECT_TRUE(tap.try_lease(id));
}

TEST_F(LeaseTest, a_dead_taps_quota_comes_back) {
    const SlotId id = publish();
    const auto held = tap.try_lease(id);
    EXPECT_FALSE(other_tap.try_lease(id));
    table.reclaim(only(2));
    EXPECT_TRUE(other_tap.try_lease(id));
}

TEST_F(LeaseTest, each_tap_has_a_ticket_that_no_other_takes) {
    const TestRing three({.slot_count = 4, .tap_quota = 3, .slot_bytes = 4096});
    TapQuota quota(*three.control);
    ASSERT_TRUE(quota.keep_one_for(1));
    ASSERT_TRUE(quota.keep_one_for(2));
    EXPECT_TRUE(quota.try_take(1));
    const auto shared = quota.try_take(1);
    EXPECT_TRUE(shared);
    EXPECT_FALSE(quota.try_take(1)) << "what is left is another's";
    EXPECT_TRUE(quota.try_take(2));
    EXPECT_FALSE(quota.try_take(2));
    quota.give_back(*shared);
    EXPECT_TRUE(quota.try_take(2));
}

TEST_F(LeaseTest, a_late_tap_inherits_the_first_ticket_that_comes_back) {
    const TestRing two({.slot_count = 3, .tap_quota = 2, .slot_bytes = 4096});
    TapQuota quota(*two.control);
    ASSERT_TRUE(quota.keep_one_for(1));
    ASSERT_TRUE(quota.try_take(1));
    const auto greedy = quota.try_take(1);
    ASSERT_TRUE(greedy);
    ASSERT_TRUE(quota.keep_one_for(2));
    EXPECT_FALSE(quota.keep_one_for(3)) << "each is kept for somebody";
    EXPECT_FALSE(quota.try_take(2));
    quota.give_back(*greedy);
    EXPECT_FALSE(quota.try_take(1));
    EXPECT_TRUE(quota.try_take(2));
    quota.take_back(only(2));
    EXPECT_TRUE(quota.keep_one_for(3));
}

TEST_F(LeaseTest, a_shape_that_does_not_fit_is_never_shown) {
    const SlotId id = publish();
    scribble(id, 60'000U | std::uint64_t{60'000} << 32);
    EXPECT_FALSE(detector.try_lease(id));
    EXPECT_EQ(table.leases_of(1), 0U) << "the slot was given back";
}

TEST_F(LeaseTest, a_slot_out_of_range_is_the_callers_fault) {
    EXPECT_EQ(code_of([&] { static_cast<void>(detector.try_lease({4, 1})); }), "invalid_argument");
}

}  // namespace
}  // namespace framehop::shm
