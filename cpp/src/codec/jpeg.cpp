#include "framehop/codec/jpeg.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "baseline.hpp"
#include "decompressor.hpp"
#include "frame_header.hpp"
#include "framehop/base/error.hpp"
#include "framehop/codec/orientation.hpp"

namespace framehop::codec {
namespace {

constexpr std::uint32_t kFullScale = 8;                  // scales are eighths
constexpr std::uint32_t kQuickEighths[] = {1, 2, 4, 8};  // those for which libjpeg-turbo has vector code

// Computes the same as libjpeg's jpeg_calc_output_dimensions.
Size scaled(Size source, std::uint32_t eighths) noexcept {
    const auto side = [eighths](std::uint32_t pixels) {
        return static_cast<std::uint32_t>((std::uint64_t{pixels} * eighths + kFullScale - 1) / kFullScale);
    };
    return {side(source.width), side(source.height)};
}

std::string text(Size size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }

// Returns how many eighths of `source` give `wanted`: the most where small pictures leave a choice, 0 if none does.
std::uint32_t eighths_of(Size source, Size wanted) noexcept {
    std::uint32_t k = kFullScale;
    while (k > 0 && scaled(source, k) != wanted) --k;
    return k;
}

void check_view(Size source, const ImageView& view) {
    const Size wanted{view.width, view.height};
    if (eighths_of(source, wanted) == 0) {
        throw Error(Errc::invalid_argument,
                    "no scale decodes " + text(source) + " to the view's " + text(wanted) + "; ask scaled_size");
    }
    if (view.format != PixelFormat::rgb8) throw Error(Errc::invalid_argument, "JPEGs are decoded to rgb8");
    if (view.data == nullptr || view.stride < std::uint64_t{view.width} * bytes_per_pixel(view.format) ||
        view.stride > static_cast<std::uint32_t>(std::numeric_limits<int>::max())) {
        throw Error(Errc::invalid_argument,
                    "the view has no memory, or a stride that does not fit: " + std::to_string(view.stride));
    }
}

void check_colours(const Decompressor& jpeg) {
    if (jpeg.colours() == JCS_CMYK || jpeg.colours() == JCS_YCCK) {
        throw Error(Errc::unsupported_picture, "CMYK and YCCK JPEGs are not decoded; re-encode it as YCbCr or grey");
    }
    if (jpeg.colours() == JCS_UNKNOWN) {
        throw Error(Errc::unsupported_picture, "JPEG with unusual components is not decoded; re-encode it as YCbCr");
    }
}

// Calls `use` with a decompressor that has read the header. It is a new one each time: libjpeg would keep the tables of
// one picture for the next that lacks its own, which then had wrong pixels, or none, by what came before it.
template <class Use>
auto with_header(Bytes bytes, Use use) {
    if (bytes.empty()) throw Error(Errc::corrupt_picture, "not a JPEG: 0 bytes");
    Decompressor jpeg;
    if (!jpeg.read_header(bytes)) {
        const Complaint& why = jpeg.complaint();
        if (!why.is_lack_of_memory()) throw refused_header(bytes, why.text.data());
        throw Error(Errc::no_memory, std::string("no memory to read a JPEG's header: ") + why.text.data());
    }
    check_colours(jpeg);
    if (jpeg.precision() != 8) throw refused_header(bytes, "bits a sample");
    return use(jpeg);
}

[[noreturn]] void refuse(const Complaint& why, Bytes bytes, Size source) {
    const std::string what = text(source) + ", " + std::to_string(bytes.size()) + " bytes): " + why.text.data();
    if (why.is_lack_of_memory()) throw Error(Errc::no_memory, "no memory to decode a JPEG (" + what);
    if (why.is_unsupported())
        throw Error(Errc::unsupported_picture, "JPEG not decoded; re-encode it as 4:2:0 (" + what);
    throw Error(Errc::corrupt_picture, "damaged JPEG (" + what);
}

#ifdef __x86_64__
// Returns this thread's decoder of baseline JPEGs, made at its first picture and kept until the thread ends: its tables
// mostly serve the next picture, too.
BaselineDecoder& baseline_decoder() {
    thread_local const auto mine = std::make_unique<BaselineDecoder>();
    return *mine;
}

bool read_rows(BaselineDecoder& decoder, const ImageView& view) noexcept {
    for (std::uint32_t y = 0; y < view.height; ++y) {
        if (!decoder.read_row(view.row(y))) return false;
    }
    return true;
}

// Reads rows of the size as stored, some at a time, and places them upright.
bool read_turned_rows(BaselineDecoder& decoder, Size stored, Orientation orientation, const ImageView& view) {
    constexpr std::uint32_t kStripRows = 16;
    const std::uint32_t stride = 3 * stored.width;
    std::vector<std::uint8_t> strip(std::size_t{kStripRows} * stride);
    for (std::uint32_t top = 0; top < stored.height; top += kStripRows) {
        const std::uint32_t count = std::min(kStripRows, stored.height - top);
        if (!read_rows(decoder, {strip.data(), stored.width, count, stride, PixelFormat::rgb8})) return false;
        place_rows({strip.data(), stored.width, count, stride, PixelFormat::rgb8}, top, orientation, view);
    }
    return true;
}

// Decodes what cameras write. Returns false if libjpeg has to decode the picture, from its first row on; rows may have
// been written by then.
bool run_quickly(const Decompressor& jpeg, Bytes bytes, std::uint32_t eighths, Orientation orientation,
                 const ImageView& view) {
    if (!has_baseline_kernels() || !is_huffman_dct(bytes)) return false;
    BaselineDecoder& decoder = baseline_decoder();
    if (!decoder.start(jpeg.header(), eighths)) return false;
    if (orientation == Orientation::upright) return read_rows(decoder, view);
    return read_turned_rows(decoder, scaled(jpeg.size(), eighths), orientation, view);
}
#else
bool run_quickly(const Decompressor&, Bytes, std::uint32_t, Orientation, const ImageView&) noexcept { return false; }
#endif

bool run(Decompressor& jpeg, Bytes bytes, std::uint32_t eighths, Orientation orientation, const ImageView& view) {
    if (run_quickly(jpeg, bytes, eighths, orientation, view)) return true;
    if (orientation == Orientation::upright) return jpeg.decode(eighths, view);
    return jpeg.decode_strips(eighths, [&](std::uint32_t top, const ConstImageView& rows) noexcept {
        place_rows(rows, top, orientation, view);
    });
}

}  // namespace

Size read_header(Bytes bytes) {
    return with_header(bytes, [&](const Decompressor& jpeg) { return turned(jpeg.size(), read_orientation(bytes)); });
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

Size quickest_size(Size source, Size minimum, std::uint64_t most_bytes) noexcept {
    const Size least = scaled_size(source, minimum);
    for (const std::uint32_t k : kQuickEighths) {
        const Size size = scaled(source, k);
        const bool enough = size.width >= least.width && size.height >= least.height;
        if (enough && rgb_bytes(size) <= most_bytes) return size;
    }
    return least;
}

void decode(Bytes bytes, Size source, const ImageView& view) {
    check_view(source, view);
    const Orientation orientation = read_orientation(bytes);
    const Size stored = turned({view.width, view.height}, orientation);
    with_header(bytes, [&](Decompressor& jpeg) {
        // Read the size from the bytes once more, as they may have changed since `source` was read.
        const std::uint32_t eighths = eighths_of(jpeg.size(), stored);
        if (eighths == 0) {
            throw Error(Errc::corrupt_picture, "the JPEG changed while it was read: it was " + text(source) +
                                                   ", now it is stored as " + text(jpeg.size()));
        }
        if (!run(jpeg, bytes, eighths, orientation, view)) refuse(jpeg.complaint(), bytes, source);
    });
}

}  // namespace framehop::codec
