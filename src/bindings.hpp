// Declares one function per noun; module.cpp is the table of contents.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

namespace framehop::codec {
enum class VideoCodec : std::uint8_t;
}

namespace framehop::python {

namespace py = pybind11;

// The codec that Python calls `h264` or `h265`. Throws Errc::invalid_argument.
codec::VideoCodec video_codec(const std::string& name);

void register_errors(py::module_& module);
void register_process(py::module_& module);
void register_bell(py::module_& module);
void register_ring(py::module_& module);
void register_codec(py::module_& module);
void register_decoder(py::module_& module);  // called by register_codec
void register_video(py::module_& module);
void register_video_decoder(py::module_& module);  // called by register_video
void register_image(py::module_& module);
void register_nms(py::module_& module);
void register_scores(py::module_& module);
void register_hop(py::module_& module);

}  // namespace framehop::python
