// A process of its own for a test of the ring.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>

namespace framehop::shm {

// Far beyond any honest delay.
inline constexpr auto kLong = std::chrono::seconds(30);

template <class Condition>
bool until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        ::usleep(1000);
    }
    return true;
}

// Runs `work` in a child, up to its first call of the function that `work` is given: then the parent goes on. Killed
// and reaped at the end.
class OtherProcess {
  public:
    using Ready = std::function<void()>;
    explicit OtherProcess(const std::function<void(const Ready&)>& work) {
        int ready[2];
        EXPECT_EQ(::pipe(ready), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::alarm(120);  // should the parent be gone
            work([&] { static_cast<void>(!::write(ready[1], "+", 1)); });
            ::_exit(0);
        }
        ::close(ready[1]);
        char byte = 0;
        EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "the child ended before it was ready";
        ::close(ready[0]);
    }
    ~OtherProcess() {
        ::kill(pid_, SIGKILL);
        if (!reaped_) ::waitpid(pid_, nullptr, 0);
    }
    OtherProcess(const OtherProcess&) = delete;
    OtherProcess& operator=(const OtherProcess&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    // Returns the wait status, once it has ended.
    [[nodiscard]] int wait() {
        int status = -1;
        EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
        reaped_ = true;
        return status;
    }

  private:
    pid_t pid_ = -1;
    bool reaped_ = false;
};

}  // namespace framehop::shm
