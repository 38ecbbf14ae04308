#include <array>
#include <cstddef>
#include <vector>

#include "av.hpp"
#include "framehop/video/decoder.hpp"

namespace framehop::video {
namespace {

constexpr int kHdColumns = 1280;
constexpr int kSdRows = 576;

int matrix_of(const AVFrame& frame) noexcept {
    if (frame.colorspace != AVCOL_SPC_UNSPECIFIED && frame.colorspace != AVCOL_SPC_RGB) return frame.colorspace;
    return frame.width >= kHdColumns || frame.height > kSdRows ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

// The formats that JPEG left behind mean a full range; libswscale warns of them, and takes the others with a range.
AVPixelFormat format_of(const AVFrame& frame) noexcept {
    switch (frame.format) {
        case AV_PIX_FMT_YUVJ420P:
            return AV_PIX_FMT_YUV420P;
        case AV_PIX_FMT_YUVJ422P:
            return AV_PIX_FMT_YUV422P;
        case AV_PIX_FMT_YUVJ444P:
            return AV_PIX_FMT_YUV444P;
        default:
            return static_cast<AVPixelFormat>(frame.format);
    }
}

bool is_full_range(const AVFrame& frame) noexcept {
    return frame.color_range == AVCOL_RANGE_JPEG || format_of(frame) != frame.format;
}

// One converter per thread: consecutive pictures mostly have the same shape.
SwsContext& scaler_for(const AVFrame& frame, Size target) {
    thread_local ScalerPtr scaler;
    SwsContext* made = sws_getCachedContext(scaler.release(), frame.width, frame.height, format_of(frame),
                                            static_cast<int>(target.width), static_cast<int>(target.height),
                                            AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr);
    scaler.reset(made);
    if (made == nullptr)
        throw Error(Errc::unsupported_picture, "its pixels cannot be converted: " + Complaints::first());
    const int* from = sws_getCoefficients(matrix_of(frame));
    sws_setColorspaceDetails(made, from, is_full_range(frame) ? 1 : 0, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
                             1 << 16, 1 << 16);
    return *made;
}

void convert(const AVFrame& frame, const ImageView& view) {
    SwsContext& scaler = scaler_for(frame, {view.width, view.height});
    const std::array<std::uint8_t*, 4> planes{view.data, nullptr, nullptr, nullptr};
    const std::array<int, 4> strides{static_cast<int>(view.stride), 0, 0, 0};
    if (sws_scale(&scaler, frame.data, frame.linesize, 0, frame.height, planes.data(), strides.data()) < 0) {
        throw Error(Errc::unsupported_picture, "its pixels cannot be converted: " + Complaints::first());
    }
}

}  // namespace

void Picture::Free::operator()(AVFrame* frame) const noexcept { av_frame_free(&frame); }

Picture::Picture(const AVFrame& frame) : frame_(av_frame_clone(&frame)) {
    if (!frame_) throw Error(Errc::no_memory, "no memory to keep a decoded picture");
}

Size Picture::size() const noexcept {
    return {static_cast<std::uint32_t>(frame_->width), static_cast<std::uint32_t>(frame_->height)};
}

void Picture::write(codec::Orientation orientation, const ImageView& view) const {
    if (orientation == codec::Orientation::upright) return convert(*frame_, view);
    const Size stored = codec::turned({view.width, view.height}, orientation);
    thread_local std::vector<std::uint8_t> pixels;
    pixels.resize(std::size_t{3} * stored.width * stored.height);
    const ImageView turned{pixels.data(), stored.width, stored.height, stored.width * 3, PixelFormat::rgb8};
    convert(*frame_, turned);
    codec::place_rows(as_const(turned), 0, orientation, view);
}

}  // namespace framehop::video
