// The wake-up page of a log: a futex word in a small file that every process of the log maps.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace framehop::shm {

// A waiter samples the word, looks for work, and waits for the word to change. Thread-safe. Not movable, as waiters
// hold its address.
class Bell {
  public:
    // Opens `path`, creating it (mode 0600, one page) if missing. Throws Errc::system.
    explicit Bell(const std::string& path);
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    [[nodiscard]] std::uint32_t sample() const noexcept;
    // Call this after others can see the work.
    void ring() noexcept;
    // Returns true when the word differs from `sampled`, false when `timeout` is over.
    [[nodiscard]] bool wait(std::uint32_t sampled, std::chrono::nanoseconds timeout) const noexcept;

  private:
    std::atomic<std::uint32_t>* word_ = nullptr;
};

}  // namespace framehop::shm
