// Borrows the values of NumPy arrays that must be of one type, aligned and C-contiguous.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <span>
#include <string>

#include "framehop/base/error.hpp"
#include "picture.hpp"

namespace framehop::python {

// Throws Errc::invalid_argument, which names the object and says by `kind` what it must be.
[[noreturn]] inline void refuse_array(const pybind11::object& object, const char* name, const char* kind) {
    throw Error(Errc::invalid_argument,
                std::string(name) + " must be an aligned, C-contiguous " + kind + ", not " + describe(object));
}

// Returns `object` as an array of `Value`, or refuses it.
template <class Value>
pybind11::array array_of(const pybind11::object& object, const char* name, const char* kind) {
    namespace py = pybind11;
    if (py::isinstance<py::array_t<Value, py::array::c_style>>(object)) {
        auto array = py::reinterpret_borrow<py::array>(object);
        if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(Value) == 0) return array;
    }
    refuse_array(object, name, kind);
}

template <class Value>
std::span<const Value> values_of(const pybind11::array& array) {
    return {static_cast<const Value*>(array.data()), static_cast<std::size_t>(array.size())};
}

}  // namespace framehop::python
