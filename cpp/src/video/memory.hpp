// Counts the memory of one decoder's pictures, which may outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "av.hpp"

namespace framehop::video {

// Thread-safe: pictures end in any thread.
class PictureMemory : public std::enable_shared_from_this<PictureMemory> {
  public:
    explicit PictureMemory(std::uint64_t limit) noexcept : limit_(limit) {}

    // Whether one more picture of the frame's size and format stays below the limit.
    [[nodiscard]] bool has_room_for(const AVFrame& frame) const noexcept;
    // Counts the frame's memory for as long as anybody refers to it. Returns libavutil's status; nothing is thrown, as
    // libavcodec is the caller.
    [[nodiscard]] int count(AVFrame& frame) noexcept;

    // What libavcodec keeps for pictures: it gives nothing back to the system before their size changes.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return most_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }

  private:
    struct Counted;
    static void end(void* counted, std::uint8_t* data) noexcept;
    void add(std::uint64_t bytes) noexcept;

    const std::uint64_t limit_;
    std::atomic<std::uint64_t> now_{0};
    std::atomic<std::uint64_t> most_{0};  // since the size changed last
    std::uint64_t picture_ = 0;           // bytes of the picture counted last; of the decoder's thread
};

}  // namespace framehop::video
