#include "coverage.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <cstring>
#include <random>

namespace framehop::video {
namespace {

constexpr int kRowStep = 16;    // the smallest coding tree block
constexpr int kBytesStep = 64;  // a line of the cache, so that marks cost no more memory traffic than they have to
constexpr int kInside = 4;      // rows from a block's edge, which its neighbours' filters may change

std::uint64_t random_mark() {
    std::random_device random;
    return std::uint64_t{random()} << 32U | random();
}

}  // namespace

Coverage::Coverage() : mark_(random_mark()) {}

void Coverage::mark(const AVFrame& frame) noexcept {
    const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
    luma_ = format == nullptr ? nullptr : frame.data[0];
    if (luma_ == nullptr) return;
    stride_ = frame.linesize[0];
    rows_ = frame.height;
    row_bytes_ = frame.width * format->comp[0].step;
    any([this](std::uint8_t* place) {
        std::memcpy(place, &mark_, sizeof mark_);
        return false;
    });
}

bool Coverage::lacks_something() const noexcept {
    return any([this](const std::uint8_t* place) { return std::memcmp(place, &mark_, sizeof mark_) == 0; });
}

template <class Visit>
bool Coverage::any(Visit visit) const noexcept {
    if (luma_ == nullptr) return false;
    for (int row = kInside; row < rows_; row += kRowStep) {
        std::uint8_t* line = luma_ + row * stride_;
        for (int at = 0; at + static_cast<int>(sizeof mark_) <= row_bytes_; at += kBytesStep) {
            if (visit(line + at)) return true;
        }
    }
    return false;
}

}  // namespace framehop::video
