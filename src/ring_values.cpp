// FrameTag and SlotRef, which are values and compare by content.
#include <cstdint>

#include "framehop/base/error.hpp"
#include "gil.hpp"
#include "ring_bindings.hpp"
#include "wait.hpp"

namespace framehop::python {
namespace {

using shm::FrameTag;
using shm::SlotRef;

FrameTag make_tag(std::string stream, std::int64_t epoch, std::int64_t seq, std::int32_t partition,
                  std::int64_t offset) {
    FrameTag tag{.stream = std::move(stream), .epoch = epoch, .seq = seq, .partition = partition, .offset = offset};
    shm::check(tag);
    return tag;
}

// The bytes come from shared memory and may not be UTF-8.
py::object stream_of(const FrameTag& tag) {
    return py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(tag.stream.data(), static_cast<py::ssize_t>(tag.stream.size()), "replace"));
}

py::ssize_t hash_tag(const FrameTag& tag) {
    return py::hash(py::make_tuple(py::bytes(tag.stream), tag.epoch, tag.seq, tag.partition, tag.offset));
}

std::string repr_tag(const FrameTag& tag) {
    return "<FrameTag " + py::cast<std::string>(stream_of(tag)) + "/" + std::to_string(tag.epoch) + "/" +
           std::to_string(tag.seq) + " at " + std::to_string(tag.partition) + ":" + std::to_string(tag.offset) + ">";
}

py::ssize_t hash_ref(const SlotRef& ref) {
    return py::hash(py::make_tuple(ref.slot, ref.generation, ref.width, ref.height, ref.stride, name(ref.format)));
}

std::string repr_ref(const SlotRef& ref) {
    return "<SlotRef " + std::to_string(ref.slot) + ":" + std::to_string(ref.generation) + " " +
           std::to_string(ref.width) + "x" + std::to_string(ref.height) + " " + std::string(name(ref.format)) + ">";
}

}  // namespace

std::shared_ptr<shm::Membership> attach_membership(const std::string& path, shm::Role role, double timeout_s) {
    shm::AttachCall call(path, role);
    if (!wait_in_slices(timeout_s, [&](std::chrono::nanoseconds slice) { return call.wait(slice); })) {
        shm::throw_no_answer(path);
    }
    const GilRelease release;
    return call.finish();
}

void register_ring_values(py::module_& module) {
    py::class_<FrameTag>(module, "FrameTag", py::is_final())
        .def(py::init(&make_tag), py::arg("stream"), py::arg("epoch"), py::arg("seq"), py::arg("partition") = 0,
             py::arg("offset") = 0)
        .def_property_readonly("stream", &stream_of)
        .def_readonly("epoch", &FrameTag::epoch)
        .def_readonly("seq", &FrameTag::seq)
        .def_readonly("partition", &FrameTag::partition)
        .def_readonly("offset", &FrameTag::offset)
        .def(
            "__eq__", [](const FrameTag& self, const FrameTag& other) { return self == other; }, py::is_operator())
        .def("__hash__", &hash_tag)
        .def("__repr__", &repr_tag);
    py::class_<SlotRef>(module, "SlotRef", py::is_final())
        .def_readonly("slot", &SlotRef::slot)
        .def_readonly("generation", &SlotRef::generation)
        .def_readonly("width", &SlotRef::width)
        .def_readonly("height", &SlotRef::height)
        .def_readonly("stride", &SlotRef::stride)
        .def_property_readonly("format", [](const SlotRef& self) { return name(self.format); })
        .def(
            "__eq__", [](const SlotRef& self, const SlotRef& other) { return self == other; }, py::is_operator())
        .def("__hash__", &hash_ref)
        .def("__repr__", &repr_ref);
}

}  // namespace framehop::python
