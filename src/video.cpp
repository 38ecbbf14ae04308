// Video: access units are read everywhere; decoding is there when the core was built with libavcodec.
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "buffer.hpp"
#include "framehop/base/error.hpp"
#include "framehop/codec/access_unit.hpp"
#include "gil.hpp"

namespace framehop::python {

codec::VideoCodec video_codec(const std::string& name) {
    if (name == "h264") return codec::VideoCodec::h264;
    if (name == "h265") return codec::VideoCodec::h265;
    throw Error(Errc::invalid_argument, "codec must be h264 or h265, not " + name.substr(0, 32));
}

namespace {

codec::AccessUnit read_access_unit(const std::string& codec, py::handle data) {
    const codec::VideoCodec chosen = video_codec(codec);
    const BorrowedBytes unit(data);
    const GilRelease release;
    return codec::read_access_unit(chosen, unit.bytes());
}

py::bytes parameter_sets(const std::string& codec, py::handle data) {
    const codec::VideoCodec chosen = video_codec(codec);
    const BorrowedBytes unit(data);
    const std::vector<std::uint8_t> sets = [&] {
        const GilRelease release;
        return codec::parameter_sets(chosen, unit.bytes());
    }();
    return {reinterpret_cast<const char*>(sets.data()), sets.size()};
}

}  // namespace

void register_video(py::module_& module) {
    py::class_<codec::AccessUnit>(module, "AccessUnit", py::is_final())
        .def_readonly("has_picture", &codec::AccessUnit::has_picture)
        .def_readonly("keyframe", &codec::AccessUnit::keyframe)
        .def_readonly("clean", &codec::AccessUnit::clean)
        .def_readonly("reference", &codec::AccessUnit::reference)
        .def_readonly("leading", &codec::AccessUnit::leading)
        .def_readonly("parameter_sets", &codec::AccessUnit::parameter_sets);
    module.def("read_access_unit", &read_access_unit, py::arg("codec"), py::arg("data"));
    module.def("parameter_sets", &parameter_sets, py::arg("codec"), py::arg("data"));
    register_video_decoder(module);
}

}  // namespace framehop::python
