#include <gtest/gtest.h>

#include "framehop/shm/slot_word.hpp"

namespace framehop::shm {
namespace {

TEST(SlotWord, golden_bits) {
    EXPECT_EQ(SlotWord(SlotState::free, 0, 0).bits(), 0U);
    EXPECT_EQ(SlotWord(SlotState::filling, 7, 0).bits(), 0x0000'0001'0000'0007U);
    EXPECT_EQ(SlotWord(SlotState::ready, 0xffff'ffff, 0x80'0001).bits(), 0x8000'0102'ffff'ffffU);
    EXPECT_EQ(SlotWord::lease_bit(0), 0x0000'0100'0000'0000U);
    EXPECT_EQ(SlotWord::lease_bit(kMaxHolders - 1), 0x8000'0000'0000'0000U);
}

TEST(SlotWord, reads_back_what_it_was_made_of) {
    const SlotWord word(SlotState::ready, 42, 0b101);
    EXPECT_TRUE(word.is(SlotState::ready, 42));
    EXPECT_FALSE(word.is(SlotState::ready, 41));
    EXPECT_FALSE(word.is(SlotState::filling, 42));
    EXPECT_EQ(word.lease_count(), 2);
    EXPECT_EQ(word.with_state(SlotState::free).leases(), 0b101U);
}

TEST(SlotWord, a_leased_slot_is_not_reusable) {
    EXPECT_TRUE(SlotWord(SlotState::free, 3, 0).reusable());
    EXPECT_FALSE(SlotWord(SlotState::free, 3, 1).reusable());
    EXPECT_FALSE(SlotWord(SlotState::filling, 3, 0).reusable());
}

TEST(SlotWord, generation_0_is_skipped_when_the_count_comes_round) {
    EXPECT_EQ(SlotWord(SlotState::free, 0, 0).next_filling().generation(), 1U);
    EXPECT_EQ(SlotWord(SlotState::free, 0xffff'ffff, 0).next_filling().generation(), 1U);
}

}  // namespace
}  // namespace framehop::shm
