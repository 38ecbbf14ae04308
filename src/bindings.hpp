// Declares one function per noun; module.cpp is the table of contents.
#pragma once

#include <pybind11/pybind11.h>

namespace framehop::python {

namespace py = pybind11;

void register_errors(py::module_& module);
void register_process(py::module_& module);
void register_bell(py::module_& module);
void register_ring(py::module_& module);
void register_codec(py::module_& module);
void register_decoder(py::module_& module);  // called by register_codec
void register_image(py::module_& module);
void register_nms(py::module_& module);
void register_hop(py::module_& module);

}  // namespace framehop::python
