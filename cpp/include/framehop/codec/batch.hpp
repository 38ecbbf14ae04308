// Decodes batches of pictures on a small thread pool.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

// One picture to decode. The callbacks run on any thread of the pool and throw only what derives from std::exception.
struct DecodeTask {
    Bytes bytes;   // borrowed until decode() returns
    Size minimum;  // as in scaled_size
    // Returns the memory for a picture of exactly this size. Called after the header check; may throw Error, such as
    // picture_too_large when its memory is too small.
    std::function<ImageView(std::uint32_t width, std::uint32_t height)> target;
    // Called once: with true when every pixel is written, else with false. done(false) must not throw; if done(true)
    // throws, the picture has failed and done(false) follows.
    std::function<void(bool ok)> done;
};

struct DecodeOutcome {
    std::optional<Errc> error;  // none: decoded, and done(true) returned
    std::string message;        // empty when decoded
    Size source;                // the picture's own size; 0 x 0 when its header could not be read
    std::uint32_t decode_us = 0;
};

// Decodes on `threads` threads: the calling one and threads - 1 of its own, which sleep between batches. The destructor
// waits for them; do not call it during a decode.
class BatchDecoder {
  public:
    // Throws Errc::invalid_argument unless 1 <= threads <= kMaxThreads, Errc::system when a thread cannot be started.
    BatchDecoder(unsigned threads, std::uint64_t max_pixels);
    BatchDecoder(const BatchDecoder&) = delete;
    BatchDecoder& operator=(const BatchDecoder&) = delete;
    ~BatchDecoder() = default;

    static constexpr unsigned kMaxThreads = 256;

    [[nodiscard]] unsigned threads() const noexcept { return static_cast<unsigned>(workers_.size()) + 1; }

    // Fills outcomes[i] from tasks[i], for any number of tasks; an error of one picture affects only its own outcome.
    // Throws Errc::invalid_argument when the lengths differ. Thread-safe: one batch runs at a time, others wait. Passes
    // the failpoint "decode.mid" once per batch, when a picture is written and none of the batch is done.
    void decode(std::span<const DecodeTask> tasks, std::span<DecodeOutcome> outcomes);

  private:
    struct Batch;

    void start_workers(unsigned count);
    void work(const std::stop_token& stop);
    void run_next(std::unique_lock<std::mutex>& lock, Batch& batch);

    std::uint64_t max_pixels_;
    std::mutex turn_;  // held by the one decode() that is running
    std::mutex mutex_;
    std::condition_variable_any work_;   // there may be a picture to take
    std::condition_variable finished_;   // the batch's last picture is done
    Batch* batch_ = nullptr;             // guarded by mutex_; on the stack of decode()
    std::vector<std::jthread> workers_;  // last, so that they end before the members they use
};

}  // namespace framehop::codec
