#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "framehop/shm/ring.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

class RingTest : public ::testing::Test {
  protected:
    TestRing test_ring{{.slot_count = 2, .tap_quota = 0, .slot_bytes = 4096}};
    SlotTable table{test_ring.table()};
    Ring ring{test_ring.member(Role::writer, 0)};
};

TEST_F(RingTest, a_slot_dropped_unpublished_is_given_back) {
    {
        const auto slot = ring.try_acquire(tag_of(1));
    }
    EXPECT_EQ(ring.free_slots(), 2U);
}

TEST_F(RingTest, publish_tells_the_shape) {
    const auto slot = ring.try_acquire(tag_of(1));
    const ImageView view = slot->image(10, 20);
    EXPECT_EQ(view.stride, 30U);
    const SlotRef ref = slot->publish();
    EXPECT_EQ(ref, (SlotRef{.slot = 0, .generation = 1, .width = 10, .height = 20, .stride = 30}));
    EXPECT_EQ(table.snapshot()[0].state, SlotState::ready);
}

TEST_F(RingTest, the_end_of_a_slot_comes_once) {
    const auto slot = ring.try_acquire(tag_of(1));
    static_cast<void>(slot->image(1, 1));
    static_cast<void>(slot->publish());
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->publish()); }), "closed");
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(1, 1)); }), "closed");
    slot->abandon();
    EXPECT_EQ(table.snapshot()[0].state, SlotState::ready);
}

TEST_F(RingTest, a_picture_has_to_fit) {
    const auto slot = ring.try_acquire(tag_of(1));
    EXPECT_NO_THROW(static_cast<void>(slot->image(1365, 1)));
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(1366, 1)); }), "picture_too_large");
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(UINT32_MAX, UINT32_MAX)); }), "picture_too_large");
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(0, 1)); }), "invalid_argument");
    EXPECT_NO_THROW(static_cast<void>(slot->image(4096, 1, PixelFormat::bytes)));
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(4097, 1, PixelFormat::bytes)); }), "picture_too_large");
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(4, 2, PixelFormat::bytes)); }), "invalid_argument");
    EXPECT_NO_THROW(static_cast<void>(slot->image(51, 52, PixelFormat::i420)));  // 52 x 78
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(52, 53, PixelFormat::nv12)); }), "picture_too_large");
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(UINT32_MAX, 1, PixelFormat::nv12)); }), "picture_too_large");
}

TEST_F(RingTest, an_empty_slot_is_not_published) {
    const auto slot = ring.try_acquire(tag_of(1));
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->publish()); }), "invalid_argument");
    EXPECT_EQ(table.snapshot()[0].state, SlotState::filling);
}

TEST_F(RingTest, closing_the_ring_drops_the_picture_that_was_not_published) {
    const auto slot = ring.try_acquire(tag_of(1));
    static_cast<void>(slot->image(1, 1));
    ring.close();
    EXPECT_EQ(code_of([&] { static_cast<void>(slot->publish()); }), "closed");
    EXPECT_EQ(table.free_slots(), 2U);
    EXPECT_EQ(code_of([&] { static_cast<void>(ring.try_acquire(tag_of(2))); }), "closed");
    EXPECT_EQ(code_of([&] { ring.retire({0, 1}); }), "closed");
}

TEST_F(RingTest, closing_wakes_who_waits_and_hands_out_nothing_any_more) {
    auto first = ring.try_acquire(tag_of(1));
    const auto second = ring.try_acquire(tag_of(2));
    std::string code;
    {
        const std::jthread waiter(
            [&] { code = code_of([&] { static_cast<void>(ring.wait_acquire(tag_of(3), std::chrono::hours(1))); }); });
        while (test_ring.control->header().bell.waiters.load() == 0) std::this_thread::yield();
        ring.close();
    }
    EXPECT_EQ(code, "closed");
    first.reset();
    EXPECT_EQ(table.free_slots(), 1U) << "nobody took what came back";
}

TEST_F(RingTest, what_a_decoder_has_nobody_else_ends) {
    const auto slot = ring.try_acquire(tag_of(1));
    {
        SlotWriter decoder(slot);
        static_cast<void>(decoder.image(1, 1));
        EXPECT_EQ(code_of([&] { slot->abandon(); }), "refused");
        EXPECT_EQ(code_of([&] { static_cast<void>(slot->publish()); }), "refused");
        EXPECT_EQ(code_of([&] { static_cast<void>(slot->image(1, 1)); }), "refused");
        EXPECT_EQ(code_of([&] { const SlotWriter another(slot); }), "refused");
        EXPECT_EQ(table.snapshot()[0].state, SlotState::filling);
    }
    EXPECT_NO_THROW(slot->abandon()) << "the decoder has left it";
    EXPECT_EQ(table.free_slots(), 2U);
}

TEST_F(RingTest, a_decoder_ends_its_slot) {
    const auto slot = ring.try_acquire(tag_of(1));
    SlotWriter decoder(slot);
    static_cast<void>(decoder.image(2, 2));
    EXPECT_EQ(decoder.publish().width, 2U);
    EXPECT_NO_THROW(slot->abandon());
    EXPECT_EQ(table.snapshot()[0].state, SlotState::ready);
    SlotWriter late(slot);
    EXPECT_EQ(code_of([&] { static_cast<void>(late.image(1, 1)); }), "closed");
}

TEST_F(RingTest, a_reference_from_elsewhere_is_stale) { EXPECT_FALSE(ring.retire({99, 1})); }

TEST_F(RingTest, a_forked_child_gives_back_nothing_of_its_parents) {
    auto slot = ring.try_acquire(tag_of(1));
    const pid_t child = ::fork();
    if (child == 0) {
        const bool refused = code_of([&] { static_cast<void>(ring.free_slots()); }) == "closed";
        slot.reset();
        ::_exit(refused ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(table.snapshot()[0].state, SlotState::filling);
}

}  // namespace
}  // namespace framehop::shm
