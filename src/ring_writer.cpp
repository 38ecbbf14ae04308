#include "array.hpp"
#include "framehop/shm/host.hpp"
#include "framehop/shm/ring.hpp"
#include "gil.hpp"
#include "pixel_formats.hpp"
#include "ring_bindings.hpp"
#include "wait.hpp"

namespace framehop::python {
namespace {

using shm::FrameTag;
using shm::Slot;
using SlotPtr = std::shared_ptr<Slot>;

// A ring and, when embedded, its host. The ring is destroyed first.
class RingHandle {
  public:
    RingHandle(std::string path, std::shared_ptr<shm::RingHost> host, std::shared_ptr<shm::Membership> membership)
        : path_(std::move(path)), host_(std::move(host)), ring_(std::move(membership)) {}

    static std::unique_ptr<RingHandle> attach(const std::string& path, double timeout_s) {
        return std::make_unique<RingHandle>(path, nullptr, attach_membership(path, shm::Role::writer, timeout_s));
    }
    static std::unique_ptr<RingHandle> create(const std::string& path, std::uint32_t slots, std::uint64_t slot_bytes,
                                              std::uint32_t tap_quota);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] shm::Ring& ring() noexcept { return ring_; }
    [[nodiscard]] const shm::Membership& membership() const noexcept { return ring_.membership(); }

    void close() {
        const GilRelease release;
        ring_.close();
        if (host_) host_->close();
    }

  private:
    std::string path_;
    std::shared_ptr<shm::RingHost> host_;
    shm::Ring ring_;
};

constexpr double kOwnHostTimeoutS = 5.0;

std::unique_ptr<RingHandle> RingHandle::create(const std::string& path, std::uint32_t slots, std::uint64_t slot_bytes,
                                               std::uint32_t tap_quota) {
    const shm::Geometry geometry = shm::plan_geometry(slots, slot_bytes, tap_quota);
    std::shared_ptr<shm::RingHost> host;
    {
        const GilRelease release;
        host = std::make_shared<shm::RingHost>(path, geometry);
    }
    auto membership = attach_membership(path, shm::Role::writer, kOwnHostTimeoutS);
    return std::make_unique<RingHandle>(path, std::move(host), std::move(membership));
}

SlotPtr wait_acquire(RingHandle& self, const FrameTag& tag, double timeout_s) {
    SlotPtr slot;
    wait_in_slices(timeout_s, [&](std::chrono::nanoseconds slice) {
        slot = self.ring().wait_acquire(tag, slice);
        return slot != nullptr;
    });
    return slot;
}

shm::Overflow overflow_from_name(const std::string& name) {
    if (name == "block") return shm::Overflow::block;
    if (name == "drop-oldest-unpinned") return shm::Overflow::drop_oldest_unpinned;
    if (name == "reject") return shm::Overflow::reject;
    throw Error(Errc::invalid_argument,
                "overflow is 'block', 'drop-oldest-unpinned' or 'reject', not '" + name.substr(0, 32) + "'");
}

SlotPtr acquire(RingHandle& self, const FrameTag& tag, const std::string& overflow, double timeout_s) {
    const shm::Overflow chosen = overflow_from_name(overflow);
    if (chosen == shm::Overflow::block) return wait_acquire(self, tag, timeout_s);
    return self.ring().acquire(tag, chosen);
}

// The arrays keep the slot alive, so that it is not given back while somebody may still write to it.
py::array_t<std::uint8_t> slot_array(const SlotPtr& slot, std::uint32_t height, std::uint32_t width,
                                     const std::string& format) {
    const PixelFormat chosen = format_from_name(format);
    check_rectangle(chosen, width, height);  // first: `image` sets what `publish` publishes
    const ImageView view = slot->image(width, height, chosen);
    return picture_array(as_const(view), {.owner = share_with_array(slot), .writeable = true});
}

py::tuple slot_planes(const SlotPtr& slot, std::uint32_t height, std::uint32_t width, const std::string& format) {
    const ImageView view = slot->image(width, height, format_from_name(format));
    return plane_arrays(as_const(view), {.owner = share_with_array(slot), .writeable = true});
}

void register_slot(py::module_& module) {
    py::class_<Slot, SlotPtr>(module, "Slot", py::is_final())
        .def_property_readonly("index", [](const Slot& self) { return self.id().slot; })
        .def_property_readonly("generation", [](const Slot& self) { return self.id().generation; })
        .def("array", &slot_array, py::arg("height"), py::arg("width"), py::arg("pixel_format") = "rgb8")
        .def("planes", &slot_planes, py::arg("height"), py::arg("width"), py::arg("pixel_format"))
        .def("publish", &Slot::publish)
        .def("abandon", &Slot::abandon);
}

}  // namespace

void register_ring_writer(py::module_& module) {
    register_slot(module);
    py::class_<RingHandle>(module, "Ring", py::is_final())
        .def_static("attach", &RingHandle::attach, py::arg("path"), py::kw_only(), py::arg("timeout_s") = 5.0)
        .def_static("create", &RingHandle::create, py::arg("path"), py::kw_only(), py::arg("slots"),
                    py::arg("slot_bytes"), py::arg("tap_quota") = 2)
        .def_property_readonly("path", &RingHandle::path)
        .def_property_readonly("ring_id", [](const RingHandle& self) { return self.membership().control().ring_id(); })
        .def_property_readonly("incarnation", [](const RingHandle& self) { return self.membership().incarnation(); })
        .def_property_readonly("slot_count",
                               [](const RingHandle& self) { return self.membership().geometry().slot_count; })
        .def_property_readonly("slot_bytes",
                               [](const RingHandle& self) { return self.membership().geometry().slot_bytes; })
        .def("free_slots", [](RingHandle& self) { return self.ring().free_slots(); })
        .def(
            "try_acquire", [](RingHandle& self, const FrameTag& tag) { return self.ring().try_acquire(tag); },
            py::arg("tag"))
        .def("wait_acquire", &wait_acquire, py::arg("tag"), py::arg("timeout_s"))
        .def("acquire", &acquire, py::arg("tag"), py::kw_only(), py::arg("overflow"), py::arg("timeout_s") = 5.0)
        .def(
            "retire", [](RingHandle& self, const shm::SlotRef& ref) { return self.ring().retire(ref.id()); },
            py::arg("ref"))
        .def("close", &RingHandle::close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](RingHandle& self, const py::args&) { self.close(); });
}

}  // namespace framehop::python
