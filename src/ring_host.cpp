#include <pybind11/stl.h>

#include "framehop/shm/host.hpp"
#include "framehop/shm/look.hpp"
#include "gil.hpp"
#include "ring_bindings.hpp"
#include "wait.hpp"

namespace framehop::python {
namespace {

using shm::HolderInfo;
using shm::RingHost;
using shm::SlotInfo;

const char* name_of(shm::SlotState state) noexcept {
    switch (state) {
        case shm::SlotState::filling:
            return "filling";
        case shm::SlotState::ready:
            return "ready";
        default:
            return "free";
    }
}

const char* name_of(shm::Role role) noexcept {
    switch (role) {
        case shm::Role::writer:
            return "writer";
        case shm::Role::detector:
            return "detector";
        default:
            return "tap";
    }
}

std::unique_ptr<RingHost> make_host(std::string path, std::uint32_t slots, std::uint64_t slot_bytes,
                                    std::uint32_t tap_quota) {
    const shm::Geometry geometry = shm::plan_geometry(slots, slot_bytes, tap_quota);
    const GilRelease release;
    return std::make_unique<RingHost>(std::move(path), geometry);
}

void close(RingHost& host) {
    const GilRelease release;
    host.close();
}

shm::RingLook look_at(const std::string& path, double timeout_s) {
    shm::LookCall call(path);
    if (!wait_in_slices(timeout_s, [&](std::chrono::nanoseconds slice) { return call.wait(slice); })) {
        shm::throw_no_answer(path);
    }
    return call.look();
}

void register_look(py::module_& module) {
    using shm::RingLook;
    py::class_<RingLook>(module, "RingLook", py::is_final())
        .def_readonly("ring_id", &RingLook::ring_id)
        .def_property_readonly("slot_count", [](const RingLook& self) { return self.geometry.slot_count; })
        .def_property_readonly("slot_bytes", [](const RingLook& self) { return self.geometry.slot_bytes; })
        .def_property_readonly("tap_quota", [](const RingLook& self) { return self.geometry.tap_quota; })
        .def_readonly("host", &RingLook::host)
        .def_readonly("free", &RingLook::free)
        .def_readonly("filling", &RingLook::filling)
        .def_readonly("ready", &RingLook::ready)
        .def_readonly("pinned", &RingLook::pinned)
        .def_property_readonly("formats",
                               [](const RingLook& self) {
                                   std::vector<std::string> names;
                                   names.reserve(self.formats.size());
                                   for (const PixelFormat format : self.formats) names.emplace_back(name(format));
                                   return names;
                               })
        .def_readonly("holders", &RingLook::holders);
    module.def("look_at_ring", &look_at, py::arg("path"), py::kw_only(), py::arg("timeout_s") = 5.0);
}

void register_infos(py::module_& module) {
    py::class_<SlotInfo>(module, "SlotInfo", py::is_final())
        .def_readonly("slot", &SlotInfo::slot)
        .def_property_readonly("state", [](const SlotInfo& self) { return name_of(self.state); })
        .def_readonly("generation", &SlotInfo::generation)
        .def_readonly("leases", &SlotInfo::leases)
        .def_readonly("tag", &SlotInfo::tag);
    py::class_<HolderInfo>(module, "HolderInfo", py::is_final())
        .def_readonly("index", &HolderInfo::index)
        .def_readonly("pid", &HolderInfo::pid)
        .def_property_readonly("role", [](const HolderInfo& self) { return name_of(self.role); })
        .def_readonly("leases", &HolderInfo::leases);
}

}  // namespace

void register_ring_host(py::module_& module) {
    register_infos(module);
    register_look(module);
    module.def(
        "ring_bytes",
        [](std::uint32_t slots, std::uint64_t slot_bytes, std::uint32_t tap_quota) {
            return shm::plan_geometry(slots, slot_bytes, tap_quota).total_bytes();
        },
        py::kw_only(), py::arg("slots"), py::arg("slot_bytes"), py::arg("tap_quota") = 2);
    py::class_<RingHost>(module, "RingHost", py::is_final())
        .def(py::init(&make_host), py::arg("path"), py::kw_only(), py::arg("slots"), py::arg("slot_bytes"),
             py::arg("tap_quota") = 2)
        .def_property_readonly("path", &RingHost::path)
        .def_property_readonly("ring_id", &RingHost::ring_id)
        .def_property_readonly("slot_count", [](const RingHost& self) { return self.geometry().slot_count; })
        .def_property_readonly("slot_bytes", [](const RingHost& self) { return self.geometry().slot_bytes; })
        .def_property_readonly("total_bytes", [](const RingHost& self) { return self.geometry().total_bytes(); })
        .def("slots", &RingHost::slots)
        .def("holders", &RingHost::holders)
        .def("reclaimed", &RingHost::reclaimed)
        .def("close", &close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](RingHost& self, const py::args&) { close(self); });
}

}  // namespace framehop::python
