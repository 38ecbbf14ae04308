#include "framehop/codec/encode.hpp"

#include <turbojpeg.h>

#include <limits>
#include <string>
#include <utility>

#include "framehop/base/error.hpp"
#include "handle.hpp"

namespace framehop::codec {

void check_encodable(const ConstImageView& view, int quality) {
    if (quality < 1 || quality > 100) {
        throw Error(Errc::invalid_argument, "quality must be 1 to 100, not " + std::to_string(quality));
    }
    if (view.data == nullptr || view.width < 1 || view.height < 1 || view.width > kMaxSide || view.height > kMaxSide) {
        throw Error(Errc::invalid_argument, "a JPEG has 1 to " + std::to_string(kMaxSide) + " pixels a side, not " +
                                                std::to_string(view.width) + "x" + std::to_string(view.height));
    }
    if (view.format != PixelFormat::rgb8) throw Error(Errc::invalid_argument, "only rgb8 becomes a JPEG");
    if (view.stride < view.width * bytes_per_pixel(view.format) ||
        view.stride > static_cast<std::uint32_t>(std::numeric_limits<int>::max())) {
        throw Error(Errc::invalid_argument, "stride does not fit the picture: " + std::to_string(view.stride));
    }
}

void EncodedJpeg::Free::operator()(std::uint8_t* data) const noexcept { tjFree(data); }

EncodedJpeg encode(const ConstImageView& view, int quality) {
    check_encodable(view, quality);
    Handle& handle = compressor();
    unsigned char* data = nullptr;
    unsigned long size = 0;
    const int failed = tjCompress2(ensure(handle, tjInitCompress), view.data, static_cast<int>(view.width),
                                   static_cast<int>(view.stride), static_cast<int>(view.height), TJPF_RGB, &data, &size,
                                   TJSAMP_420, quality, 0);
    EncodedJpeg encoded(data, size);
    if (failed == 0) return encoded;
    const Handle spent = std::move(handle);
    throw Error(Errc::no_memory, "TurboJPEG could not encode " + std::to_string(view.width) + "x" +
                                     std::to_string(view.height) + ": " + tjGetErrorStr2(spent.get()));
}

}  // namespace framehop::codec
