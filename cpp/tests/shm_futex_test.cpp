#include <gtest/gtest.h>

#include <thread>

#include "framehop/shm/futex.hpp"

namespace framehop::shm {
namespace {

using namespace std::chrono_literals;

TEST(Futex, a_word_that_already_changed_does_not_wait) {
    const std::atomic<std::uint32_t> word{2};
    EXPECT_TRUE(wait_for_change(word, 1, 1h));
}

TEST(Futex, the_wait_ends_when_the_time_is_over) {
    const std::atomic<std::uint32_t> word{1};
    EXPECT_FALSE(wait_for_change(word, 1, 0ns));
    EXPECT_FALSE(wait_for_change(word, 1, 1ms));
}

TEST(Futex, a_negative_timeout_is_over_at_once) {
    const std::atomic<std::uint32_t> word{1};
    EXPECT_FALSE(wait_for_change(word, 1, -5s));
}

TEST(Futex, a_wake_without_a_change_is_absorbed) {
    std::atomic<std::uint32_t> word{1};
    std::jthread waker([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) wake_all(word);
    });
    EXPECT_FALSE(wait_for_change(word, 1, 5ms));
}

TEST(Futex, a_change_wakes_every_waiter) {
    std::atomic<std::uint32_t> word{1};
    std::atomic<int> woken{0};
    {
        const auto wait = [&] { woken += wait_for_change(word, 1, 1h) ? 1 : 0; };
        const std::jthread first(wait);
        const std::jthread second(wait);
        word.store(2, std::memory_order_release);
        wake_all(word);
    }
    EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace framehop::shm
