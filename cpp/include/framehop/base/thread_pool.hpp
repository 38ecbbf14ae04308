// Runs the parts of a piece of work side by side, on a fixed number of threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace framehop {

// `threads` threads: the one that calls run() and threads - 1 of its own, which sleep in between. The destructor waits
// for them; do not call it during a run().
class ThreadPool {
  public:
    // Throws Errc::invalid_argument unless 1 <= threads <= kMaxThreads, Errc::system when a thread cannot be started.
    explicit ThreadPool(unsigned threads);
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() = default;

    static constexpr unsigned kMaxThreads = 256;

    [[nodiscard]] unsigned threads() const noexcept { return static_cast<unsigned>(workers_.size()) + 1; }

    // Calls part(0) to part(count - 1), each once, on any of the threads, begun in this order; a single one on the
    // caller's. Returns when all have returned. `part` must not throw. Thread-safe: one run() works at a time, others
    // wait for their turn.
    void run(std::size_t count, const std::function<void(std::size_t)>& part);

  private:
    struct Work;

    void start_workers(unsigned count);
    void work(const std::stop_token& stop);
    static void run_next(std::unique_lock<std::mutex>& lock, Work& work, std::condition_variable& finished);

    std::mutex turn_;  // held by the one run() that works
    std::mutex mutex_;
    std::condition_variable_any work_there_;  // there may be a part to take
    std::condition_variable finished_;        // the last part has returned
    Work* work_ = nullptr;                    // guarded by mutex_; on the stack of run()
    std::vector<std::jthread> workers_;       // last, so that they end before the members they use
};

}  // namespace framehop
