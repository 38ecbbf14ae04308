// Makes the NumPy arrays over our memory; no other file does.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/base/image_view.hpp"

namespace framehop::python {

using Extents = std::vector<pybind11::ssize_t>;

// Whose memory an array lies in: `owner` (a capsule, or the object that lends the memory) is kept alive by it.
struct Lender {
    pybind11::handle owner;
    bool writeable = false;
};

// Makes a uint8 array over foreign memory.
inline pybind11::array_t<std::uint8_t> array_over(const std::uint8_t* data, const Extents& shape,
                                                  const Extents& strides, Lender lender) {
    namespace py = pybind11;
    py::array_t<std::uint8_t> array(shape, strides, data, lender.owner);
    // pybind11 leaves arrays over foreign memory writeable.
    if (!lender.writeable) py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
    return array;
}

// Makes a read-only uint8 [N] over `bytes`, kept alive by `owner`.
inline pybind11::array_t<std::uint8_t> bytes_array(std::span<const std::uint8_t> bytes, pybind11::handle owner) {
    return array_over(bytes.data(), {std::ssize(bytes)}, {1}, {.owner = owner});
}

// Makes a uint8 [height, width], or [height, width, channels] where there are several.
inline pybind11::array_t<std::uint8_t> plane_array(const BasicPlane<const std::uint8_t>& plane, Lender lender) {
    Extents shape{plane.height, plane.width};
    Extents strides{plane.stride, plane.channels};
    if (plane.channels > 1) {
        shape.push_back(plane.channels);
        strides.push_back(1);
    }
    return array_over(plane.data, shape, strides, lender);
}

// Throws Errc::invalid_argument for 4:2:0 with an odd side, whose planes do not make a rectangle.
inline void check_rectangle(PixelFormat format, std::uint32_t width, std::uint32_t height) {
    if (!is_subsampled(format) || (width % 2 == 0 && height % 2 == 0)) return;
    throw Error(Errc::invalid_argument, std::to_string(width) + " x " + std::to_string(height) + " in " +
                                            std::string(name(format)) + " has odd sides: use planes()");
}

// Makes one array over a picture: uint8 [height, width, 3] for rgb8 and bgr8, [height, width] for gray8,
// [height * 3 / 2, width] for i420 and nv12, [N] for bytes. Throws what check_rectangle does.
inline pybind11::array_t<std::uint8_t> picture_array(const ConstImageView& view, Lender lender) {
    if (view.format == PixelFormat::bytes) return array_over(view.data, {view.width}, {1}, lender);
    const auto planes = planes_of(view);
    if (planes.size() == 1) return plane_array(planes[0], lender);
    check_rectangle(view.format, view.width, view.height);
    const auto rows = static_cast<pybind11::ssize_t>(row_count(view.format, view.height));
    return array_over(view.data, {rows, view.width}, {view.stride, 1}, lender);
}

// Makes an array for each plane: Y, U and V of i420, Y and UV of nv12, the one of `picture_array` for all else.
inline pybind11::tuple plane_arrays(const ConstImageView& view, Lender lender) {
    const auto planes = planes_of(view);
    if (planes.size() == 1) return pybind11::make_tuple(picture_array(view, lender));
    pybind11::tuple arrays(planes.size());
    for (std::size_t i = 0; i < arrays.size(); ++i) arrays[i] = plane_array(planes[i], lender);
    return arrays;
}

// Makes a new array of `shape` that owns its memory, to be filled before anybody else sees it.
template <class Value>
pybind11::array_t<Value> owned_array(std::vector<pybind11::ssize_t> shape) {
    return pybind11::array_t<Value>(std::move(shape));
}

}  // namespace framehop::python
