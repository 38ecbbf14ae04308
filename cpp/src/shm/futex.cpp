#include "framehop/shm/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace framehop::shm {
namespace {

// Calls futex(2) without FUTEX_PRIVATE_FLAG, as the word may lie in memory shared between processes.
long futex(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* timeout) noexcept {
    return ::syscall(SYS_futex, &word, operation, value, timeout, nullptr, 0);
}

}  // namespace

bool wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t sampled,
                     std::chrono::nanoseconds timeout) noexcept {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + timeout;
    // acquire: pairs with the release of the change of the word, so that writes before the change are seen.
    while (word.load(std::memory_order_acquire) == sampled) {
        const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - Clock::now()).count();
        if (left <= 0) return false;
        const timespec relative{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
        futex(word, FUTEX_WAIT, sampled, &relative);
    }
    return true;
}

void wake_all(const std::atomic<std::uint32_t>& word) noexcept { futex(word, FUTEX_WAKE, INT_MAX, nullptr); }

}  // namespace framehop::shm
