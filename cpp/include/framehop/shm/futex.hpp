// A 32-bit word shared between processes that one can wait on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace framehop::shm {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "a futex word must be a plain 32-bit word in memory");

// Returns true once `word` differs from `sampled`, false when `timeout` is over. Spurious wakes are absorbed.
// Thread-safe and safe across processes that map the same page.
[[nodiscard]] bool wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t sampled,
                                   std::chrono::nanoseconds timeout) noexcept;

// Wakes every waiter of `word`, in every process. Change the word first.
void wake_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace framehop::shm
