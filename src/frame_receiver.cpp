#include "framehop/hop/frame_receiver.hpp"

#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <tuple>

#include "array.hpp"
#include "hop.hpp"
#include "ring_bindings.hpp"

namespace framehop::python {
namespace {

using hop::IncomingFrame;
using hop::ReceiverOptions;
using ReceiverHandle = SocketHandle<hop::FrameReceiver, hop::ReceiverEvents>;

template <auto member>
auto field(const IncomingFrame& frame) {
    return frame.header.*member;
}

std::string_view encoding_name(const IncomingFrame& frame) noexcept {
    const wire::Encoding encoding = frame.header.encoding;
    return encoding == wire::Encoding::jpeg ? "jpeg" : name(wire::format_of(encoding));
}

py::array_t<std::uint8_t> picture(const IncomingFrame& frame) {
    return picture_array(hop::image_in(frame), {.owner = share_with_array(frame.owner)});
}

py::tuple planes(const IncomingFrame& frame) {
    return plane_arrays(hop::image_in(frame), {.owner = share_with_array(frame.owner)});
}

py::bytes note_of(const IncomingFrame& frame) {
    return {reinterpret_cast<const char*>(frame.note.data()), frame.note.size()};
}

std::unique_ptr<ReceiverHandle> make_receiver(const std::string& address, const std::optional<std::string>& secret_key,
                                              const std::optional<std::string>& sender_key, bool insecure,
                                              const std::string& delivery, std::uint32_t credits,
                                              const std::string& stream, std::uint64_t max_bytes) {
    ReceiverOptions options;
    if (secret_key.has_value() != sender_key.has_value()) {
        throw Error(Errc::invalid_argument, "secret_key and sender_key belong together: give both, or neither");
    }
    if (secret_key) options.keys = hop::ReceiverKeys{.secret = *secret_key, .sender = *sender_key};
    options.insecure = insecure;
    options.delivery = delivery_from_name(delivery);
    options.credits = credits;
    options.stream = stream;
    options.max_bytes = max_bytes;
    return std::make_unique<ReceiverHandle>(address, options);
}

// Returns more than one frame if a signal ended the last poll: what that had received comes with the next one.
auto poll(ReceiverHandle& self, double timeout_s, const std::vector<int>& wake_fds) {
    hop::ReceiverEvents events = self.poll(timeout_s, wake_fds);
    return std::tuple(std::move(events.frames), std::move(events.notes), std::move(events.readable_fds));
}

void register_frame(py::module_& module) {
    using Header = wire::FrameHeader;
    py::class_<IncomingFrame>(module, "ReceivedFrame", py::is_final())
        .def_readonly("stream", &IncomingFrame::stream)
        .def_property_readonly("epoch", &field<&Header::epoch>)
        .def_property_readonly("seq", &field<&Header::seq>)
        .def_property_readonly("session", &field<&Header::session>)
        .def_property_readonly("number", &field<&Header::number>)
        .def_property_readonly("skipped", &field<&Header::skipped>)
        .def_property_readonly("sent_us", &field<&Header::sent_us>)
        .def_property_readonly("width", &field<&Header::width>)
        .def_property_readonly("height", &field<&Header::height>)
        .def_property_readonly("encoding", &encoding_name)
        .def_property_readonly(
            "payload",
            [](const IncomingFrame& self) { return bytes_array(self.payload, share_with_array(self.owner)); })
        .def_property_readonly("note", &note_of)
        .def("array", &picture)
        .def("planes", &planes);
}

}  // namespace

void register_frame_receiver(py::module_& module) {
    register_frame(module);
    py::class_<ReceiverHandle>(module, "FrameReceiver", py::is_final())
        .def(py::init(&make_receiver), py::arg("address"), py::kw_only(), py::arg("secret_key") = py::none(),
             py::arg("sender_key") = py::none(), py::arg("insecure") = false, py::arg("delivery") = "latest",
             py::arg("credits") = 4, py::arg("stream") = "", py::arg("max_bytes") = std::uint64_t{256} << 20)
        .def_property_readonly("session", [](const ReceiverHandle& self) { return self.open().session(); })
        .def_property_readonly("malformed", [](const ReceiverHandle& self) { return self.open().malformed(); })
        .def("poll", &poll, py::arg("timeout_s"), py::arg("wake_fds") = py::tuple())
        .def("close", &ReceiverHandle::close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](ReceiverHandle& self, const py::args&) { self.close(); });
}

}  // namespace framehop::python
