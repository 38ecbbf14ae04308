// Makes the NumPy arrays over our memory; no other file does.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "framehop/base/image_view.hpp"

namespace framehop::python {

// Makes a uint8 [height, width, 3] over `view`, kept alive by `owner` (a capsule or the object that lends the memory).
inline pybind11::array_t<std::uint8_t> picture_array(const ImageView& view, pybind11::handle owner, bool writeable) {
    namespace py = pybind11;
    using Extent = py::ssize_t;
    py::array_t<std::uint8_t> array({Extent{view.height}, Extent{view.width}, Extent{bytes_per_pixel(view.format)}},
                                    {Extent{view.stride}, Extent{bytes_per_pixel(view.format)}, Extent{1}}, view.data,
                                    owner);
    // pybind11 leaves arrays over foreign memory writeable.
    if (!writeable) py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
    return array;
}

// Makes a read-only uint8 [N] over `bytes`, kept alive by `owner`.
inline pybind11::array_t<std::uint8_t> bytes_array(std::span<const std::uint8_t> bytes, pybind11::handle owner) {
    namespace py = pybind11;
    py::array_t<std::uint8_t> array(static_cast<py::ssize_t>(bytes.size()), bytes.data(), owner);
    py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
    return array;
}

// Makes a new array of `shape` that owns its memory, to be filled before anybody else sees it.
template <class Value>
pybind11::array_t<Value> owned_array(std::vector<pybind11::ssize_t> shape) {
    return pybind11::array_t<Value>(std::move(shape));
}

}  // namespace framehop::python
