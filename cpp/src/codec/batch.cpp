#include "framehop/codec/batch.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>
#include <system_error>

#include "framehop/base/failpoint.hpp"

namespace framehop::codec {
namespace {

using Clock = std::chrono::steady_clock;

std::uint32_t microseconds_since(Clock::time_point start) {
    const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
    return static_cast<std::uint32_t>(std::min<std::int64_t>(passed, std::numeric_limits<std::uint32_t>::max()));
}

void decode_into_target(const DecodeTask& task, std::uint64_t max_pixels, Size& source) {
    source = read_header(task.bytes);
    check_pixels(source, max_pixels);
    const Size size = scaled_size(source, task.minimum);
    decode(task.bytes, source, task.target(size.width, size.height));
}

// No exception may leave this, as the batch is on the stack of decode() and other threads work on it.
void fail(const DecodeTask& task, DecodeOutcome& outcome, Errc code, const char* message) noexcept {
    outcome.error = code;
    try {
        outcome.message = message;
    } catch (const std::bad_alloc&) {
        outcome.message.clear();
    }
    task.done(false);
}

// Runs `step` and turns its exceptions into the outcome.
template <class Step>
void contain(const DecodeTask& task, DecodeOutcome& outcome, Step step) {
    try {
        step();
    } catch (const Error& error) {
        fail(task, outcome, error.code(), error.what());
    } catch (const std::bad_alloc&) {
        fail(task, outcome, Errc::no_memory, "no memory to decode this picture");
    } catch (const std::exception& error) {
        fail(task, outcome, Errc::system, error.what());
    }
}

}  // namespace

struct BatchDecoder::Batch {
    std::span<const DecodeTask> tasks;
    std::span<DecodeOutcome> outcomes;
    std::size_t unfinished;        // tasks that are not done yet; guarded by mutex_
    std::size_t next = 0;          // first task nobody has taken; guarded by mutex_
    std::once_flag first_written;  // passed by the first written picture before any picture is done

    [[nodiscard]] bool has_next() const noexcept { return next < tasks.size(); }
};

BatchDecoder::BatchDecoder(unsigned threads, std::uint64_t max_pixels) : max_pixels_(max_pixels) {
    if (threads < 1 || threads > kMaxThreads) {
        throw Error(Errc::invalid_argument,
                    "threads must be 1 to " + std::to_string(kMaxThreads) + ", not " + std::to_string(threads));
    }
    start_workers(threads - 1);
}

void BatchDecoder::start_workers(unsigned count) {
    workers_.reserve(count);
    try {
        while (workers_.size() < count) {
            workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
        }
    } catch (const std::system_error& error) {
        throw Error(Errc::system, "cannot start decode thread " + std::to_string(workers_.size() + 2) + " of " +
                                      std::to_string(count + 1) + ": " + error.what());
    }
}

void BatchDecoder::work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (work_.wait(lock, stop, [this] { return batch_ != nullptr && batch_->has_next(); })) run_next(lock, *batch_);
}

void BatchDecoder::run_next(std::unique_lock<std::mutex>& lock, Batch& batch) {
    const std::size_t index = batch.next++;
    lock.unlock();
    const DecodeTask& task = batch.tasks[index];
    DecodeOutcome& outcome = batch.outcomes[index] = {};
    const Clock::time_point start = Clock::now();
    contain(task, outcome, [&] {
        decode_into_target(task, max_pixels_, outcome.source);
        // Other written pictures wait here for the first, so that the failpoint comes before every done of this batch.
        std::call_once(batch.first_written, [] { failpoint("decode.mid"); });
        task.done(true);
    });
    outcome.decode_us = microseconds_since(start);
    lock.lock();
    if (--batch.unfinished == 0) finished_.notify_one();
}

void BatchDecoder::decode(std::span<const DecodeTask> tasks, std::span<DecodeOutcome> outcomes) {
    if (tasks.size() != outcomes.size()) {
        throw Error(Errc::invalid_argument,
                    std::to_string(tasks.size()) + " tasks but " + std::to_string(outcomes.size()) + " outcomes");
    }
    const std::lock_guard turn(turn_);
    Batch batch{.tasks = tasks, .outcomes = outcomes, .unfinished = tasks.size(), .first_written = {}};
    std::unique_lock lock(mutex_);
    batch_ = &batch;
    work_.notify_all();
    while (batch.has_next()) run_next(lock, batch);
    finished_.wait(lock, [&batch] { return batch.unfinished == 0; });
    batch_ = nullptr;
}

}  // namespace framehop::codec
