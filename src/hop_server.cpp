#include "framehop/hop/hop_server.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <tuple>

#include "array.hpp"
#include "hop.hpp"

namespace framehop::python {
namespace {

using hop::Greeting;
using hop::Request;
using wire::Box;
using ServerHandle = SocketHandle<hop::HopServer, hop::ServerEvents>;
using OptionalArray = std::optional<py::array>;

template <auto member>
auto field(const Request& request) {
    return request.descriptor.*member;
}

// Returns `array` if it has exactly this dtype and these trailing extents; empty for None. Rows may be strided.
template <class Value>
py::array_t<Value> rows_of(const OptionalArray& array, const std::vector<py::ssize_t>& row, const char* what) {
    std::vector<py::ssize_t> shape{0};
    shape.insert(shape.end(), row.begin(), row.end());
    if (!array) return owned_array<Value>(shape);
    const bool fits = py::isinstance<py::array_t<Value>>(*array) && array->ndim() == std::ssize(shape) &&
                      std::equal(row.begin(), row.end(), array->shape() + 1);
    if (!fits) throw Error(Errc::invalid_argument, what);
    return py::array_t<Value>(*array);
}

std::vector<Box> boxes_from(const OptionalArray& boxes, const OptionalArray& scores, const OptionalArray& label_ids) {
    const auto corners = rows_of<float>(boxes, {4}, "boxes must be float32 [N, 4]");
    const auto confidences = rows_of<float>(scores, {}, "scores must be float32 [N]");
    const auto labels = rows_of<std::int32_t>(label_ids, {}, "label_ids must be int32 [N]");
    const py::ssize_t count = corners.shape(0);
    if (confidences.shape(0) != count || labels.shape(0) != count) {
        throw Error(Errc::invalid_argument, "boxes, scores and label_ids must have the same length");
    }
    std::vector<Box> rows;
    rows.reserve(static_cast<std::size_t>(count));
    for (py::ssize_t i = 0; i < count; ++i) {
        rows.push_back({.x1 = corners.at(i, 0),
                        .y1 = corners.at(i, 1),
                        .x2 = corners.at(i, 2),
                        .y2 = corners.at(i, 3),
                        .confidence = confidences.at(i),
                        .label_id = labels.at(i)});
    }
    return rows;
}

// Saturates, so that a stage that a debugger stopped for hours does not prevent the answer.
std::uint32_t saturated(std::int64_t value) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, std::numeric_limits<std::uint32_t>::max()));
}

bool reply(const ServerHandle& self, const Request& request, const std::string& status, const std::string& message,
           const OptionalArray& boxes, const OptionalArray& scores, const OptionalArray& label_ids,
           std::int64_t batch_size, std::int64_t wait_us, std::int64_t preprocess_us, std::int64_t infer_us,
           std::int64_t postprocess_us, std::uint32_t model) {
    hop::HopServer& server = self.open();
    const wire::ReplyHeader header{.status = status_from_name(status),
                                   .batch_size = saturated(batch_size),
                                   .wait_us = saturated(wait_us),
                                   .preprocess_us = saturated(preprocess_us),
                                   .infer_us = saturated(infer_us),
                                   .postprocess_us = saturated(postprocess_us),
                                   .model = model};
    return server.try_reply(request, header, boxes_from(boxes, scores, label_ids), message);
}

auto poll(ServerHandle& self, double timeout_s, const std::vector<int>& wake_fds) {
    hop::ServerEvents events = self.poll(timeout_s, wake_fds);
    return std::tuple(std::move(events.requests), std::move(events.greetings), std::move(events.readable_fds));
}

void register_request(py::module_& module) {
    using wire::Descriptor;
    py::class_<Request>(module, "FrameRequest", py::is_final())
        .def_property_readonly("peer", [](const Request& self) { return py::bytes(self.peer); })
        .def_property_readonly("ring_id", &field<&Descriptor::ring_id>)
        .def_property_readonly("slot", &field<&Descriptor::slot>)
        .def_property_readonly("generation", &field<&Descriptor::generation>)
        .def_property_readonly("source_width", &field<&Descriptor::source_width>)
        .def_property_readonly("source_height", &field<&Descriptor::source_height>)
        .def_property_readonly("sent_ns", &field<&Descriptor::sent_ns>)
        .def_property_readonly("received_ns", [](const Request& self) { return self.received_ns; });
}

void register_greeting(py::module_& module) {
    py::class_<Greeting>(module, "HopGreeting", py::is_final())
        .def_property_readonly("peer", [](const Greeting& self) { return py::bytes(self.peer); })
        .def_readonly("ring_id", &Greeting::ring_id)
        .def_readonly("ring_path", &Greeting::ring_path);
}

}  // namespace

void register_hop_server(py::module_& module) {
    register_request(module);
    register_greeting(module);
    py::class_<ServerHandle>(module, "HopServer", py::is_final())
        .def(py::init<const std::string&, std::uint32_t>(), py::arg("address"), py::kw_only(), py::arg("credits") = 64)
        .def_property_readonly("detector_id", [](const ServerHandle& self) { return self.open().detector_id(); })
        .def_property_readonly("malformed", [](const ServerHandle& self) { return self.open().malformed(); })
        .def("poll", &poll, py::arg("timeout_s"), py::arg("wake_fds") = py::tuple())
        .def("reply", &reply, py::arg("request"), py::kw_only(), py::arg("status") = "ok", py::arg("message") = "",
             py::arg("boxes") = py::none(), py::arg("scores") = py::none(), py::arg("label_ids") = py::none(),
             py::arg("batch_size") = 0, py::arg("wait_us") = 0, py::arg("preprocess_us") = 0, py::arg("infer_us") = 0,
             py::arg("postprocess_us") = 0, py::arg("model") = 0)
        .def(
            "disconnect",
            [](const ServerHandle& self, const py::bytes& peer) { self.open().disconnect(std::string(peer)); },
            py::arg("peer"))
        .def("close", &ServerHandle::close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](ServerHandle& self, const py::args&) { self.close(); });
}

}  // namespace framehop::python
