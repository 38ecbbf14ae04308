#include "memory.hpp"

extern "C" {
#include <libavutil/imgutils.h>
}

#include <algorithm>
#include <new>

namespace framehop::video {
namespace {

constexpr int kAlign = 64;  // of rows, as libavcodec's own

std::uint64_t bytes_of(const AVFrame& frame) noexcept {
    const int bytes =
        av_image_get_buffer_size(static_cast<AVPixelFormat>(frame.format), frame.width, frame.height, kAlign);
    // Motion vectors and the like come on top: about a third with libavcodec 5.1.
    return bytes < 0 ? 0 : static_cast<std::uint64_t>(bytes) / 3 * 4;
}

}  // namespace

struct PictureMemory::Counted {
    std::shared_ptr<PictureMemory> memory;
    std::uint64_t bytes;
    AVBufferRef* pixels;
};

bool PictureMemory::has_room_for(const AVFrame& frame) const noexcept {
    return now_.load(std::memory_order_relaxed) + bytes_of(frame) <= limit_;
}

// Puts a reference of our own around the first plane: when its last user ends, the picture does.
int PictureMemory::count(AVFrame& frame) noexcept {
    const std::uint64_t bytes = bytes_of(frame);
    std::unique_ptr<Counted> counted(new (std::nothrow) Counted{weak_from_this().lock(), bytes, frame.buf[0]});
    if (!counted || counted->pixels == nullptr) return AVERROR(ENOMEM);
    AVBufferRef* around =
        av_buffer_create(counted->pixels->data, counted->pixels->size, &PictureMemory::end, counted.get(), 0);
    if (around == nullptr) return AVERROR(ENOMEM);
    frame.buf[0] = around;
    (void)counted.release();  // `end` has it
    if (bytes != picture_) most_.store(now_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    picture_ = bytes;
    add(bytes);
    return 0;
}

void PictureMemory::add(std::uint64_t bytes) noexcept {
    const std::uint64_t now = now_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    most_.store(std::max(most_.load(std::memory_order_relaxed), now), std::memory_order_relaxed);
}

void PictureMemory::end(void* counted, std::uint8_t* /*data*/) noexcept {
    const std::unique_ptr<Counted> ended(static_cast<Counted*>(counted));
    ended->memory->now_.fetch_sub(ended->bytes, std::memory_order_relaxed);
    av_buffer_unref(&ended->pixels);
}

}  // namespace framehop::video
