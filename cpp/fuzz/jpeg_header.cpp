// Any bytes have a JPEG's size or are refused, and a picture below the cap decodes or is refused.
#include <cstdlib>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/codec/jpeg.hpp"

namespace {

constexpr std::uint64_t kCap = 1 << 16;

void read(framehop::codec::Bytes bytes) {
    const framehop::codec::Size size = framehop::codec::read_header(bytes);
    if (size.width == 0 || size.height == 0) std::abort();
    framehop::codec::check_pixels(size, kCap);
    std::vector<std::uint8_t> pixels(std::size_t{3} * size.width * size.height);
    framehop::codec::decode(bytes, size,
                            {pixels.data(), size.width, size.height, size.width * 3, framehop::PixelFormat::rgb8});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        read({data, size});
    } catch (const framehop::Error& error) {
        if (error.code() == framehop::Errc::no_memory) std::abort();
    }
    return 0;
}
