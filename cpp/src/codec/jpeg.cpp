#include "framehop/codec/jpeg.hpp"

#include <turbojpeg.h>

#include <limits>
#include <string>
#include <utility>

#include "frame_header.hpp"
#include "handle.hpp"

namespace framehop::codec {
namespace {

constexpr std::uint32_t kFullScale = 8;  // scales are eighths

// TurboJPEG's TJSCALED.
Size scaled(Size source, std::uint32_t eighths) noexcept {
    const auto side = [eighths](std::uint32_t pixels) {
        return static_cast<std::uint32_t>((std::uint64_t{pixels} * eighths + kFullScale - 1) / kFullScale);
    };
    return {side(source.width), side(source.height)};
}

std::string text(Size size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }

bool is_reachable(Size source, Size wanted) noexcept {
    for (std::uint32_t k = 1; k <= kFullScale; ++k) {
        if (scaled(source, k) == wanted) return true;
    }
    return false;
}

void check_view(Size source, const ImageView& view) {
    const Size wanted{view.width, view.height};
    if (!is_reachable(source, wanted)) {
        throw Error(Errc::invalid_argument,
                    "no scale decodes " + text(source) + " to the view's " + text(wanted) + "; ask scaled_size");
    }
    if (view.data == nullptr || view.stride < std::uint64_t{view.width} * bytes_per_pixel(view.format) ||
        view.stride > static_cast<std::uint32_t>(std::numeric_limits<int>::max())) {
        throw Error(Errc::invalid_argument,
                    "the view has no memory, or a stride that does not fit: " + std::to_string(view.stride));
    }
}

}  // namespace

Size read_header(Bytes bytes) {
    if (bytes.empty()) throw Error(Errc::corrupt_picture, "not a JPEG: 0 bytes");
    constexpr int kUnset = -2;  // TurboJPEG writes -1 for what it has read but does not know
    int width = 0;
    int height = 0;
    int subsampling = kUnset;
    int colourspace = kUnset;
    Handle& handle = decompressor();
    const int failed = tjDecompressHeader3(ensure(handle, tjInitDecompress), bytes.data(), bytes.size(), &width,
                                           &height, &subsampling, &colourspace);
    if (colourspace == TJCS_CMYK || colourspace == TJCS_YCCK) {
        throw Error(Errc::unsupported_picture, "CMYK and YCCK JPEGs are not decoded; re-encode it as YCbCr or grey");
    }
    if (failed == 0 && width > 0 && height > 0) {
        return {static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)};
    }
    const Handle spent = std::move(handle);
    const char* why = failed != 0 ? tjGetErrorStr2(spent.get()) : "it ends before its picture";
    if (lacked_memory(why)) throw Error(Errc::no_memory, std::string("no memory to read a JPEG's header: ") + why);
    if (width > 0 && (subsampling == -1 || colourspace == -1)) {
        throw Error(Errc::unsupported_picture,
                    "JPEG with unusual components or chroma sampling is not decoded; re-encode it as 4:2:0");
    }
    throw refused_header(bytes, why);
}

void check_pixels(Size source, std::uint64_t max_pixels) {
    if (std::uint64_t{source.width} * source.height <= max_pixels) return;
    throw Error(Errc::picture_too_large,
                "JPEG claims " + text(source) + " pixels; max_pixels allows " + std::to_string(max_pixels) + " in all");
}

Size scaled_size(Size source, Size minimum) noexcept {
    if (minimum == Size{}) return source;
    for (std::uint32_t k = 1; k < kFullScale; ++k) {
        const Size size = scaled(source, k);
        if (size.width >= minimum.width && size.height >= minimum.height) return size;
    }
    return source;
}

void decode(Bytes bytes, Size source, const ImageView& view) {
    check_view(source, view);
    // TurboJPEG reads the header again and takes the largest scale that fits into the view: that is the view's size,
    // and never more than it even if the bytes have changed under us. LIMITSCANS: a progressive bomb of thousands of
    // scans. STOPONWARNING: a cut picture is an error, not half grey.
    constexpr int kFlags = TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING;
    Handle& handle = decompressor();
    const int failed = tjDecompress2(ensure(handle, tjInitDecompress), bytes.data(), bytes.size(), view.data,
                                     static_cast<int>(view.width), static_cast<int>(view.stride),
                                     static_cast<int>(view.height), TJPF_RGB, kFlags);
    if (failed == 0) return;
    const Handle spent = std::move(handle);
    const char* why = tjGetErrorStr2(spent.get());
    if (lacked_memory(why)) throw Error(Errc::no_memory, "no memory to decode a JPEG of " + text(source) + ": " + why);
    throw Error(Errc::corrupt_picture,
                "damaged JPEG (" + text(source) + ", " + std::to_string(bytes.size()) + " bytes): " + why);
}

}  // namespace framehop::codec
