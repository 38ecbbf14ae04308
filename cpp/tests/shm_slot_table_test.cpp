#include <gtest/gtest.h>

#include <thread>

#include "framehop/shm/slot_table.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

using namespace std::chrono_literals;

class SlotTableTest : public ::testing::Test {
  protected:
    SlotId acquire(std::int64_t seq = 1) {
        const auto id = table.try_acquire(tag_of(seq));
        EXPECT_TRUE(id);
        return id.value_or(SlotId{});
    }
    SlotId publish(std::int64_t seq = 1) {
        const SlotId id = acquire(seq);
        EXPECT_TRUE(table.publish(id));
        return id;
    }

    TestRing ring{{.slot_count = 2, .tap_quota = 0, .slot_bytes = 4096}};
    SlotTable table{ring.table()};
    std::atomic<bool> over{false};
};

TEST_F(SlotTableTest, a_filling_slot_cannot_be_leased) {
    const SlotId id = acquire();
    EXPECT_FALSE(table.try_lease(id, 3));
    EXPECT_TRUE(table.publish(id));
    EXPECT_TRUE(table.try_lease(id, 3));
}

TEST_F(SlotTableTest, a_leased_slot_is_not_acquired_until_the_last_lease_ends) {
    const SlotId id = publish();
    ASSERT_TRUE(table.try_lease(id, 0));
    ASSERT_TRUE(table.try_lease(id, 23));
    EXPECT_TRUE(table.retire(id));
    EXPECT_EQ(table.free_slots(), 1U);
    table.release(id.slot, 0);
    EXPECT_EQ(table.free_slots(), 1U);
    table.release(id.slot, 23);
    EXPECT_EQ(table.free_slots(), 2U);
}

TEST_F(SlotTableTest, a_stale_reference_is_refused_everywhere) {
    const SlotId old = publish();
    EXPECT_TRUE(table.retire(old));
    EXPECT_FALSE(table.try_lease(old, 0));
    const SlotId next = publish();
    ASSERT_EQ(next.slot, old.slot);
    EXPECT_EQ(next.generation, old.generation + 1);
    EXPECT_FALSE(table.try_lease(old, 0));
    EXPECT_FALSE(table.retire(old));
    EXPECT_FALSE(table.publish(old));
    EXPECT_FALSE(table.abandon(old));
    EXPECT_FALSE(table.try_lease({next.slot, 0}, 0));
}

TEST_F(SlotTableTest, when_all_are_in_use_nothing_is_acquired) {
    acquire(1);
    const SlotId second = acquire(2);
    EXPECT_EQ(table.try_acquire(tag_of(3)), std::nullopt);
    EXPECT_EQ(table.wait_acquire(tag_of(3), 1ms, over), std::nullopt);
    EXPECT_TRUE(table.abandon(second));
    EXPECT_EQ(acquire(3).slot, second.slot);
}

TEST_F(SlotTableTest, a_waiting_writer_gets_the_slot_that_a_reader_gives_back) {
    acquire(1);
    const SlotId id = publish(2);
    ASSERT_TRUE(table.try_lease(id, 4));
    ASSERT_TRUE(table.retire(id));
    std::optional<SlotId> got;
    {
        const std::jthread writer([&] { got = table.wait_acquire(tag_of(3), 1h, over); });
        while (ring.control->header().bell.waiters.load() == 0) std::this_thread::yield();
        table.release(id.slot, 4);
    }
    ASSERT_TRUE(got);
    EXPECT_EQ(got->slot, id.slot);
    EXPECT_EQ(ring.control->header().bell.waiters.load(), 0U);
}

TEST_F(SlotTableTest, reclaim_takes_exactly_the_dead_holders_leases) {
    const SlotId first = publish(1);
    const SlotId second = publish(2);
    ASSERT_TRUE(table.try_lease(first, 5));
    ASSERT_TRUE(table.try_lease(second, 5));
    ASSERT_TRUE(table.try_lease(second, 6));
    EXPECT_EQ(table.leases_of(5), 2U);
    EXPECT_EQ(table.reclaim(only(5)), 2U);
    EXPECT_EQ(table.leases_of(5), 0U);
    EXPECT_EQ(table.leases_of(6), 1U);
    EXPECT_EQ(table.reclaim(only(5)), 0U);
}

// A reader killed between dropping its bit and ringing.
void drop_silently(const TestRing& ring, std::uint32_t slot, std::uint32_t holder) {
    ring.control->slot(slot).word.fetch_and(~SlotWord::lease_bit(holder));
}

TEST_F(SlotTableTest, reclaim_wakes_the_writer_also_when_the_dead_had_dropped_its_lease) {
    acquire(1);
    const SlotId id = publish(2);
    ASSERT_TRUE(table.try_lease(id, 4));
    ASSERT_TRUE(table.retire(id));
    std::optional<SlotId> got;
    {
        const std::jthread writer([&] { got = table.wait_acquire(tag_of(3), 1h, over); });
        while (ring.control->header().bell.waiters.load() == 0) std::this_thread::yield();
        drop_silently(ring, id.slot, 4);
        EXPECT_EQ(table.reclaim(only(4)), 0U);
    }
    ASSERT_TRUE(got);
    EXPECT_EQ(got->slot, id.slot);
}

TEST_F(SlotTableTest, a_wait_looks_once_more_at_its_end) {
    acquire(1);
    const SlotId id = publish(2);
    ASSERT_TRUE(table.try_lease(id, 4));
    ASSERT_TRUE(table.retire(id));
    std::optional<SlotId> got;
    {
        const std::jthread writer([&] { got = table.wait_acquire(tag_of(3), 100ms, over); });
        while (ring.control->header().bell.waiters.load() == 0) std::this_thread::yield();
        drop_silently(ring, id.slot, 4);
    }
    EXPECT_TRUE(got);
}

TEST_F(SlotTableTest, reclaim_takes_the_bits_of_all_places_that_nobody_holds) {
    const SlotId id = publish();
    for (const std::uint32_t holder : {3U, 9U, 23U}) ASSERT_TRUE(table.try_lease(id, holder));
    EXPECT_EQ(table.reclaim(~only(9)), 2U);
    EXPECT_EQ(table.leases_of(9), 1U);
    EXPECT_EQ(table.snapshot()[id.slot].leases, 1U);
}

TEST_F(SlotTableTest, adoption_frees_half_written_and_published_slots_but_keeps_leases) {
    const SlotId ready = publish(1);
    const SlotId filling = acquire(2);
    ASSERT_TRUE(table.try_lease(ready, 1));
    EXPECT_EQ(table.adopt(), 1U);
    EXPECT_FALSE(table.publish(filling));
    EXPECT_FALSE(table.try_lease(ready, 2));
    EXPECT_EQ(table.free_slots(), 1U);
    table.release(ready.slot, 1);
    EXPECT_EQ(table.free_slots(), 2U);
    EXPECT_EQ(table.adopt(), 2U);
}

TEST_F(SlotTableTest, a_snapshot_names_the_frame_in_each_slot) {
    const SlotId id = acquire(7);
    ASSERT_TRUE(table.publish(id));
    ASSERT_TRUE(table.try_lease(id, 0));
    const auto infos = table.snapshot();
    ASSERT_EQ(infos.size(), 2U);
    EXPECT_EQ(infos[0].state, SlotState::ready);
    EXPECT_EQ(infos[0].leases, 1U);
    EXPECT_EQ(infos[0].tag, tag_of(7));
    EXPECT_EQ(infos[1].state, SlotState::free);
    EXPECT_EQ(infos[1].tag, std::nullopt);
}

}  // namespace
}  // namespace framehop::shm
