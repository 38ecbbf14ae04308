#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/base/thread_pool.hpp"

namespace framehop {
namespace {

TEST(ThreadPool, runs_every_part_once) {
    ThreadPool pool(3);
    for (const std::size_t count : {0U, 1U, 2U, 50U}) {
        std::vector<std::atomic<int>> runs(count);
        pool.run(count, [&](std::size_t k) { ++runs[k]; });
        for (const std::atomic<int>& each : runs) EXPECT_EQ(each, 1);
    }
}

TEST(ThreadPool, a_single_part_runs_on_the_callers_thread) {
    ThreadPool pool(3);
    for (int k = 0; k < 100; ++k) {
        std::thread::id runs_on;
        pool.run(1, [&](std::size_t) { runs_on = std::this_thread::get_id(); });
        ASSERT_EQ(runs_on, std::this_thread::get_id());
    }
}

TEST(ThreadPool, its_threads_work_side_by_side) {
    ThreadPool pool(3);
    std::atomic<unsigned> inside{0};
    // Each part ends only once all three have begun.
    pool.run(3, [&](std::size_t) {
        ++inside;
        while (inside < 3) std::this_thread::yield();
    });
    EXPECT_EQ(pool.threads(), 3U);
}

TEST(ThreadPool, callers_take_turns) {
    ThreadPool pool(2);
    std::atomic<int> inside{0};
    std::atomic<bool> mixed{false};
    const auto call = [&](int sign) {
        for (int k = 0; k < 200; ++k) {
            pool.run(4, [&](std::size_t) {
                if ((inside += sign) * sign < 0) mixed = true;
                inside -= sign;
            });
        }
    };
    std::thread other(call, -1);
    call(1);
    other.join();
    EXPECT_FALSE(mixed);
}

TEST(ThreadPool, refuses_senseless_counts) {
    EXPECT_THROW(ThreadPool(0), Error);
    EXPECT_THROW(ThreadPool(ThreadPool::kMaxThreads + 1), Error);
}

}  // namespace
}  // namespace framehop
