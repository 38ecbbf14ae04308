#include "framehop/base/thread_pool.hpp"

#include <string>
#include <system_error>

#include "framehop/base/error.hpp"

namespace framehop {

struct ThreadPool::Work {
    const std::function<void(std::size_t)>& part;
    std::size_t count;
    std::size_t unfinished;  // parts that have not returned; guarded by mutex_
    std::size_t next = 0;    // the first part nobody has taken; guarded by mutex_

    [[nodiscard]] bool has_next() const noexcept { return next < count; }
};

ThreadPool::ThreadPool(unsigned threads) {
    if (threads < 1 || threads > kMaxThreads) {
        throw Error(Errc::invalid_argument,
                    "threads must be 1 to " + std::to_string(kMaxThreads) + ", not " + std::to_string(threads));
    }
    start_workers(threads - 1);
}

void ThreadPool::start_workers(unsigned count) {
    workers_.reserve(count);
    try {
        while (workers_.size() < count) {
            workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
        }
    } catch (const std::system_error& error) {
        throw Error(Errc::system, "cannot start thread " + std::to_string(workers_.size() + 2) + " of " +
                                      std::to_string(count + 1) + ": " + error.what());
    }
}

void ThreadPool::work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (work_there_.wait(lock, stop, [this] { return work_ != nullptr && work_->has_next(); })) {
        run_next(lock, *work_, finished_);
    }
}

void ThreadPool::run_next(std::unique_lock<std::mutex>& lock, Work& work, std::condition_variable& finished) {
    const std::size_t index = work.next++;
    lock.unlock();
    work.part(index);
    lock.lock();
    if (--work.unfinished == 0) finished.notify_one();
}

void ThreadPool::run(std::size_t count, const std::function<void(std::size_t)>& part) {
    const std::lock_guard turn(turn_);
    Work work{.part = part, .count = count, .unfinished = count};
    std::unique_lock lock(mutex_);
    if (count > 1) {  // a single part is for this thread, and nobody is woken
        work_ = &work;
        work_there_.notify_all();
    }
    while (work.has_next()) run_next(lock, work, finished_);
    finished_.wait(lock, [&work] { return work.unfinished == 0; });
    work_ = nullptr;
}

}  // namespace framehop
