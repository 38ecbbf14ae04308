#include "framehop/codec/batch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <mutex>
#include <new>

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
    decode(task.bytes, source, task.target(source));
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

void decode_one(const DecodeTask& task, DecodeOutcome& outcome, std::uint64_t max_pixels,
                std::once_flag& first_written) {
    const Clock::time_point start = Clock::now();
    contain(task, outcome, [&] {
        decode_into_target(task, max_pixels, outcome.source);
        // Other written pictures wait here for the first, so that the failpoint comes before every done of this batch.
        std::call_once(first_written, [] { failpoint("decode.mid"); });
        task.done(true);
    });
    outcome.decode_us = microseconds_since(start);
}

}  // namespace

void BatchDecoder::decode(std::span<const DecodeTask> tasks, std::span<DecodeOutcome> outcomes) {
    if (tasks.size() != outcomes.size()) {
        throw Error(Errc::invalid_argument,
                    std::to_string(tasks.size()) + " tasks but " + std::to_string(outcomes.size()) + " outcomes");
    }
    std::once_flag first_written;
    pool_.run(tasks.size(), [&](std::size_t i) { decode_one(tasks[i], outcomes[i] = {}, max_pixels_, first_written); });
}

}  // namespace framehop::codec
