#include "picture.hpp"

#include <limits>
#include <string>

#include "framehop/base/error.hpp"

namespace framehop::python {
namespace {

namespace py = pybind11;

constexpr py::ssize_t kChannels = 3;

bool is_picture(py::handle object) {
    if (!py::isinstance<py::array_t<std::uint8_t, 0>>(object)) return false;
    const auto array = py::reinterpret_borrow<py::array>(object);
    return array.ndim() == 3 && array.shape(2) == kChannels && array.shape(0) > 0 && array.shape(1) > 0;
}

// NumPy leaves the stride of an axis with one element undefined.
py::ssize_t row_stride(const py::array& array) {
    return array.shape(0) == 1 ? array.shape(1) * kChannels : array.strides(0);
}

bool has_contiguous_pixels(const py::array& array) {
    return array.strides(2) == 1 && (array.shape(1) == 1 || array.strides(1) == kChannels);
}

bool fits(py::ssize_t value) { return value <= std::numeric_limits<std::int32_t>::max(); }

}  // namespace

std::string describe(py::handle object) {
    if (!py::isinstance<py::array>(object)) return py::str(py::type::of(object).attr("__name__"));
    return std::string(py::str(object.attr("dtype"))) + " " + std::string(py::str(py::list(object.attr("shape"))));
}

BorrowedPicture::BorrowedPicture(py::handle object, const char* what) {
    if (!is_picture(object)) {
        throw Error(Errc::invalid_argument, std::string(what) + " must be uint8 [H, W, 3], not " + describe(object));
    }
    array_ = py::reinterpret_borrow<py::array>(object);
    const py::ssize_t stride = row_stride(array_);
    if (!has_contiguous_pixels(array_) || stride < array_.shape(1) * kChannels || !fits(stride) ||
        !fits(array_.shape(0))) {
        throw Error(Errc::invalid_argument,
                    std::string(what) + " needs contiguous pixels in rows from top to bottom; use ascontiguousarray");
    }
    view_ = {static_cast<const std::uint8_t*>(array_.data()), static_cast<std::uint32_t>(array_.shape(1)),
             static_cast<std::uint32_t>(array_.shape(0)), static_cast<std::uint32_t>(stride), PixelFormat::rgb8};
}

}  // namespace framehop::python
