// Whatever the quick decoder takes, libjpeg takes too, and gives the same pixels. The first byte chooses the scale.
#include <cstdlib>
#include <vector>

#include "decompressor.hpp"
#ifdef __x86_64__
#include "baseline.hpp"
#endif

namespace {

using framehop::codec::Bytes;
using framehop::codec::Decompressor;
using Pixels = std::vector<std::uint8_t>;

constexpr std::uint64_t kCap = 1 << 16;

struct Scaled {
    std::uint32_t width, height;
};

Scaled scaled(const Decompressor& jpeg, std::uint32_t eighths) {
    return {(jpeg.size().width * eighths + 7) / 8, (jpeg.size().height * eighths + 7) / 8};
}

#ifdef __x86_64__
bool read_quickly(const Decompressor& jpeg, std::uint32_t eighths, Pixels& pixels) {
    static framehop::codec::BaselineDecoder decoder;
    if (!framehop::codec::has_baseline_kernels() || !decoder.start(jpeg.header(), eighths)) return false;
    const std::size_t row = std::size_t{3} * scaled(jpeg, eighths).width;
    for (std::size_t at = 0; at < pixels.size(); at += row) {
        if (!decoder.read_row(pixels.data() + at)) return false;
    }
    return true;
}
#else
bool read_quickly(const Decompressor&, std::uint32_t, Pixels&) { return false; }
#endif

void compare(Bytes bytes, std::uint32_t eighths) {
    Decompressor jpeg;
    if (!jpeg.read_header(bytes) || std::uint64_t{jpeg.size().width} * jpeg.size().height > kCap) return;
    const Scaled size = scaled(jpeg, eighths);
    Pixels quick(std::size_t{3} * size.width * size.height);
    if (!read_quickly(jpeg, eighths, quick)) return;
    Pixels pixels(quick.size());
    const framehop::ImageView view{pixels.data(), size.width, size.height, size.width * 3, framehop::PixelFormat::rgb8};
    if (!jpeg.decode(eighths, view) || pixels != quick) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 1) compare({data + 1, size - 1}, 1U << (data[0] & 3U));
    return 0;
}
