// The wake-up page of a log: a futex word in a small file that every process of the log maps.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace framehop::shm {

// Sample, look for work, wait for the word to change. All methods are thread-safe. Move-free: waiters hold its address.
class Bell {
  public:
    // Opens `path`, creating it (mode 0600, one page) if missing. Throws Errc::system.
    explicit Bell(const std::string& path);
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    [[nodiscard]] std::uint32_t sample() const noexcept;
    // Call after the work can be seen by others.
    void ring() noexcept;
    // True when the word differs from `sampled`, false when `timeout` is over.
    [[nodiscard]] bool wait(std::uint32_t sampled, std::chrono::nanoseconds timeout) const noexcept;

  private:
    std::atomic<std::uint32_t>* word_ = nullptr;
};

}  // namespace framehop::shm
