// Decodes batches of pictures on a small thread pool.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "framehop/base/error.hpp"
#include "framehop/base/thread_pool.hpp"
#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

// One picture to decode. The callbacks run on any thread of the pool and throw only what derives from std::exception.
struct DecodeTask {
    Bytes bytes;  // borrowed until decode() returns
    // Returns the memory for `source`, at the size that it shall be decoded to: one of scaled_size or quickest_size.
    // Called after the header check; may throw Error, such as picture_too_large when its memory is too small.
    std::function<ImageView(Size source)> target;
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

// Decodes on the threads of a pool of its own. Do not destroy it during a decode.
class BatchDecoder {
  public:
    // `threads`: as ThreadPool has them, with the same errors.
    BatchDecoder(unsigned threads, std::uint64_t max_pixels) : max_pixels_(max_pixels), pool_(threads) {}

    static constexpr unsigned kMaxThreads = ThreadPool::kMaxThreads;

    [[nodiscard]] unsigned threads() const noexcept { return pool_.threads(); }

    // Fills outcomes[i] from tasks[i], for any number of tasks; an error of one picture affects only its own outcome.
    // Throws Errc::invalid_argument when the lengths differ. Thread-safe: one batch runs at a time, others wait. Passes
    // the failpoint "decode.mid" once per batch, when a picture is written and none of the batch is done.
    void decode(std::span<const DecodeTask> tasks, std::span<DecodeOutcome> outcomes);

  private:
    std::uint64_t max_pixels_;
    ThreadPool pool_;
};

}  // namespace framehop::codec
