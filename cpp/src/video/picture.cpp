#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "av.hpp"
#include "colours.hpp"
#include "framehop/image/preprocess.hpp"
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

// Whether our own kernel takes it. libswscale, too, takes pictures of an odd height another way, with colours that are
// interpolated.
bool has_own_way(const AVFrame& frame) noexcept {
    return has_colour_kernel() && format_of(frame) == AV_PIX_FMT_YUV420P && frame.height % 2 == 0;
}

void convert_own_way(const AVFrame& frame, const ImageView& view) {
    const Planes planes{.data = {frame.data[0], frame.data[1], frame.data[2]},
                        .stride = {frame.linesize[0], frame.linesize[1], frame.linesize[2]}};
    convert_planes(planes, colours_of(sws_getCoefficients(matrix_of(frame)), is_full_range(frame)), view);
}

// One converter per thread: consecutive pictures mostly have the same shape.
SwsContext& converter_for(const AVFrame& frame) {
    thread_local ScalerPtr scaler;
    SwsContext* made = sws_getCachedContext(scaler.release(), frame.width, frame.height, format_of(frame), frame.width,
                                            frame.height, AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr);
    scaler.reset(made);
    if (made == nullptr)
        throw Error(Errc::unsupported_picture, "its pixels cannot be converted: " + Complaints::first());
    const int* from = sws_getCoefficients(matrix_of(frame));
    sws_setColorspaceDetails(made, from, is_full_range(frame) ? 1 : 0, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
                             1 << 16, 1 << 16);
    return *made;
}

void convert_whole(const AVFrame& frame, const ImageView& view) {
    if (has_own_way(frame)) return convert_own_way(frame, view);
    Complaints::forget();  // those of what this thread decoded last
    SwsContext& scaler = converter_for(frame);
    const std::array<std::uint8_t*, 4> planes{view.data, nullptr, nullptr, nullptr};
    const std::array<int, 4> strides{static_cast<int>(view.stride), 0, 0, 0};
    if (sws_scale(&scaler, frame.data, frame.linesize, 0, frame.height, planes.data(), strides.data()) < 0) {
        throw Error(Errc::unsupported_picture, "its pixels cannot be converted: " + Complaints::first());
    }
}

// Memory for `size` pixels in rows of `columns`, which stays with the thread. `use`: a buffer for each, as one picture
// may be made from another.
template <int use>
ImageView scratch(Size size, std::uint32_t columns) {
    thread_local std::vector<std::uint8_t> pixels;
    const std::uint32_t stride = columns * bytes_per_pixel(PixelFormat::rgb8);
    pixels.resize(std::size_t{stride} * size.height);
    return {pixels.data(), size.width, size.height, stride, PixelFormat::rgb8};
}

// libswscale's vector code takes so many columns at once. Where a row ends within them and the next one begins, it
// either writes beyond the end or leaves out the last columns.
constexpr std::uint32_t kColumns = 32;

ImageView convert_to_scratch(const AVFrame& frame) {
    const Size size{static_cast<std::uint32_t>(frame.width), static_cast<std::uint32_t>(frame.height)};
    const ImageView whole = scratch<0>(size, (size.width + kColumns - 1) / kColumns * kColumns);
    convert_whole(frame, whole);
    return whole;
}

void copy_rows(const ImageView& from, const ImageView& to) {
    const std::size_t bytes = std::size_t{from.width} * bytes_per_pixel(from.format);
    for (std::uint32_t y = 0; y < from.height; ++y) std::memcpy(to.row(y), from.row(y), bytes);
}

// libswscale takes five times as long to convert and scale as to convert alone, so the scaling is left to our kernel.
void scale(const ImageView& from, const ImageView& to) {
    const image::Preprocessor kernel({.width = to.width, .height = to.height});
    (void)kernel.run(as_const(from), std::span(to.data, to.size_bytes()));
}

void convert(const AVFrame& frame, const ImageView& view) {
    const bool whole = std::cmp_equal(view.width, frame.width) && std::cmp_equal(view.height, frame.height);
    if (whole && (has_own_way(frame) || view.width % kColumns == 0)) return convert_whole(frame, view);
    const ImageView converted = convert_to_scratch(frame);
    if (whole) return copy_rows(converted, view);
    scale(converted, view);
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
    if (view.format != PixelFormat::rgb8) throw Error(Errc::invalid_argument, "pictures of films are written as rgb8");
    if (orientation == codec::Orientation::upright) return convert(*frame_, view);
    const Size stored = codec::turned({view.width, view.height}, orientation);
    const ImageView turned = scratch<1>(stored, stored.width);
    convert(*frame_, turned);
    codec::place_rows(as_const(turned), 0, orientation, view);
}

}  // namespace framehop::video
