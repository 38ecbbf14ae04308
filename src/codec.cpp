#include <limits>
#include <string>

#include "array.hpp"
#include "bindings.hpp"
#include "buffer.hpp"
#include "framehop/base/error.hpp"
#include "framehop/codec/encode.hpp"
#include "framehop/codec/jpeg.hpp"
#include "gil.hpp"
#include "need.hpp"
#include "picture.hpp"
#include "pixel_count.hpp"

namespace framehop::python {
namespace {

codec::Size read_jpeg_header(py::handle data) {
    const BorrowedBytes jpeg(data);
    const GilRelease release;
    return codec::read_header(jpeg.bytes());
}

codec::Size checked_size(codec::Bytes bytes, std::uint64_t max_pixels) {
    const GilRelease release;
    const codec::Size source = codec::read_header(bytes);
    codec::check_pixels(source, max_pixels);
    return source;
}

py::tuple scaled_size(std::int64_t width, std::int64_t height, std::int64_t min_width, std::int64_t min_height,
                      const std::string& fit) {
    const Need need(min_width, min_height, fit);
    const codec::Size source{pixel_count("width", width), pixel_count("height", height)};
    if (source.width == 0 || source.height == 0)
        throw Error(Errc::invalid_argument, "a picture has at least one pixel");
    const codec::Size size = codec::scaled_size(source, need.minimum(source));
    return py::make_tuple(size.width, size.height);
}

constexpr std::uint64_t kAnyBytes = std::numeric_limits<std::uint64_t>::max();

// Releases the GIL twice: NumPy allocates between, once the header has said how much.
py::array_t<std::uint8_t> decode_jpeg(py::handle data, std::int64_t min_width, std::int64_t min_height,
                                      const std::string& fit, std::int64_t max_pixels) {
    const Need need(min_width, min_height, fit);
    const std::uint64_t cap = pixel_cap(max_pixels);
    const BorrowedBytes jpeg(data);
    const codec::Size source = checked_size(jpeg.bytes(), cap);
    const codec::Size size = codec::quickest_size(source, need.minimum(source), kAnyBytes);
    py::array_t<std::uint8_t> pixels = owned_array<std::uint8_t>({size.height, size.width, 3});
    const ImageView view{pixels.mutable_data(), size.width, size.height, size.width * 3, PixelFormat::rgb8};
    const GilRelease release;
    codec::decode(jpeg.bytes(), source, view);
    return pixels;
}

py::bytes encode_jpeg(py::handle pixels, int quality) {
    const BorrowedPicture picture(pixels, "pixels");
    const codec::EncodedJpeg jpeg = [&] {
        const GilRelease release;
        return codec::encode(picture.view(), quality);
    }();
    return {reinterpret_cast<const char*>(jpeg.bytes().data()), jpeg.bytes().size()};
}

}  // namespace

void register_codec(py::module_& module) {
    py::class_<codec::Size>(module, "JpegInfo", py::is_final())
        .def_readonly("width", &codec::Size::width)
        .def_readonly("height", &codec::Size::height);
    module.def("read_jpeg_header", &read_jpeg_header, py::arg("data"));
    module.def("scaled_size", &scaled_size, py::arg("width"), py::arg("height"), py::kw_only(),
               py::arg("min_width") = 0, py::arg("min_height") = 0, py::arg("fit") = "stretch");
    module.def("decode_jpeg", &decode_jpeg, py::arg("data"), py::kw_only(), py::arg("min_width") = 0,
               py::arg("min_height") = 0, py::arg("fit") = "stretch", py::arg("max_pixels") = codec::kDefaultMaxPixels);
    module.def("encode_jpeg", &encode_jpeg, py::arg("pixels"), py::kw_only(), py::arg("quality") = 85);
    register_decoder(module);
}

}  // namespace framehop::python
