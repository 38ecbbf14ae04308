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
constexpr int kMiddle = 8;      // row of a macroblock of a field, the same

std::uint64_t random_mark() {
    std::random_device random;
    return std::uint64_t{random()} << 32U | random();
}

}  // namespace

Coverage::Coverage() : mark_(random_mark()) {}

constexpr Coverage::Rows Coverage::kAll{kInside, kRowStep};
constexpr Coverage::Rows Coverage::kTop{2 * kMiddle, 2 * kRowStep};
constexpr Coverage::Rows Coverage::kBottom{2 * kMiddle + 1, 2 * kRowStep};

void Coverage::mark(const AVFrame& frame, Lines lines) noexcept {
    const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
    luma_ = format == nullptr ? nullptr : frame.data[0];
    if (luma_ == nullptr) return;
    stride_ = frame.linesize[0];
    rows_ = frame.height;
    row_bytes_ = frame.width * format->comp[0].step;
    lines_ = lines;
    const auto write = [this](std::uint8_t* place) { std::memcpy(place, &mark_, sizeof mark_); };
    if (lines_ == Lines::all) return each(kAll, write);
    each(kTop, write);
    each(kBottom, write);
}

void Coverage::look() noexcept {
    const bool apart = lines_ == Lines::fields;
    whole_ = apart ? Count{} : count(kAll);
    top_ = apart ? count(kTop) : Count{};
    bottom_ = apart ? count(kBottom) : Count{};
}

void Coverage::forget() noexcept {
    luma_ = nullptr;
    whole_ = top_ = bottom_ = {};
}

bool Coverage::lacks_something() const noexcept { return whole_.left > 0 || top_.torn() || bottom_.torn(); }

Coverage::Count Coverage::count(Rows rows) const noexcept {
    Count found{};
    each(rows, [&](const std::uint8_t* place) {
        ++found.all;
        if (std::memcmp(place, &mark_, sizeof mark_) == 0) ++found.left;
    });
    return found;
}

template <class Visit>
void Coverage::each(Rows rows, Visit visit) const noexcept {
    if (luma_ == nullptr) return;
    for (int row = rows.first; row < rows_; row += rows.step) {
        std::uint8_t* line = luma_ + row * stride_;
        for (int at = 0; at + static_cast<int>(sizeof mark_) <= row_bytes_; at += kBytesStep) visit(line + at);
    }
}

}  // namespace framehop::video
