#include "framehop/hop/hop_client.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "hop.hpp"

namespace framehop::python {
namespace {

using wire::Box;
using wire::Reply;
using ClientHandle = SocketHandle<hop::HopClient, hop::ClientEvents>;
using Size = std::pair<std::uint32_t, std::uint32_t>;

// Returns one value per box. Lists, not arrays: a worker takes each value by itself, and need not load NumPy for them.
template <class Of>
auto each_of(const Reply& reply, Of of) {
    std::vector<decltype(of(Box()))> values;
    values.reserve(reply.boxes.size());
    std::ranges::transform(reply.boxes, std::back_inserter(values), of);
    return values;
}

auto corners(const Reply& reply) {
    return each_of(reply, [](const Box& box) { return std::tuple(box.x1, box.y1, box.x2, box.y2); });
}

template <auto member>
auto column(const Reply& reply) {
    return each_of(reply, [](const Box& box) { return box.*member; });
}

template <auto member>
auto field(const Reply& reply) {
    return reply.header.*member;
}

// Reads attributes by name, as the hop needs a SlotRef's numbers, not the ring's types.
wire::Descriptor descriptor(const py::handle& ref, const Size& source) {
    const auto number = [&ref](const char* name) { return ref.attr(name).cast<std::uint32_t>(); };
    const auto format = ref.attr("format").cast<std::string>();
    if (format != name(PixelFormat::rgb8)) {
        throw Error(Errc::invalid_argument, "slot " + std::to_string(number("slot")) + " holds " +
                                                format.substr(0, 32) + ", and a detector takes rgb8");
    }
    return {.slot = number("slot"),
            .generation = number("generation"),
            .source_width = source.first,
            .source_height = source.second,
            .width = number("width"),
            .height = number("height"),
            .stride = number("stride")};
}

bool send(const ClientHandle& self, const py::sequence& refs, const std::vector<Size>& sizes) {
    if (refs.size() != sizes.size()) {
        throw Error(Errc::invalid_argument,
                    "send: " + std::to_string(refs.size()) + " refs and " + std::to_string(sizes.size()) + " sizes");
    }
    std::vector<wire::Descriptor> descriptors;
    descriptors.reserve(sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) descriptors.push_back(descriptor(refs[i], sizes[i]));
    return self.open().try_send(descriptors);
}

auto poll(ClientHandle& self, double timeout_s, const std::vector<int>& wake_fds) {
    hop::ClientEvents events = self.poll(timeout_s, wake_fds);
    return std::pair(std::move(events.replies), std::move(events.readable_fds));
}

void register_reply(py::module_& module) {
    using Header = wire::ReplyHeader;
    py::class_<Reply>(module, "HopReply", py::is_final())
        .def_property_readonly("slot", &field<&Header::slot>)
        .def_property_readonly("generation", &field<&Header::generation>)
        .def_property_readonly("status", [](const Reply& self) { return status_name(self.header.status); })
        .def_property_readonly("message", [](const Reply& self) { return self.text; })
        .def_property_readonly("boxes", &corners)
        .def_property_readonly("scores", &column<&Box::confidence>)
        .def_property_readonly("label_ids", &column<&Box::label_id>)
        .def_property_readonly("model", &field<&Header::model>)
        .def_property_readonly("batch_size", &field<&Header::batch_size>)
        .def_property_readonly("hop_us", &field<&Header::hop_us>)
        .def_property_readonly("wait_us", &field<&Header::wait_us>)
        .def_property_readonly("preprocess_us", &field<&Header::preprocess_us>)
        .def_property_readonly("infer_us", &field<&Header::infer_us>)
        .def_property_readonly("postprocess_us", &field<&Header::postprocess_us>);
}

}  // namespace

void register_hop_client(py::module_& module) {
    register_reply(module);
    py::class_<ClientHandle>(module, "HopClient", py::is_final())
        .def(py::init<const std::string&, const std::string&, std::uint64_t>(), py::arg("address"), py::kw_only(),
             py::arg("ring_path"), py::arg("ring_id"))
        .def_property_readonly("credits", [](const ClientHandle& self) { return self.open().credits(); })
        .def_property_readonly("detector_id", [](const ClientHandle& self) { return self.open().detector_id(); })
        .def_property_readonly("unanswered", [](const ClientHandle& self) { return self.open().unanswered(); })
        .def_property_readonly("lost", [](const ClientHandle& self) { return self.open().lost(); })
        .def_property_readonly("malformed", [](const ClientHandle& self) { return self.open().malformed(); })
        .def("send", &send, py::arg("refs"), py::arg("sizes"))
        .def("poll", &poll, py::arg("timeout_s"), py::arg("wake_fds") = py::tuple())
        .def("close", &ClientHandle::close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](ClientHandle& self, const py::args&) { self.close(); });
}

}  // namespace framehop::python
