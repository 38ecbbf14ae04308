#include "framehop/base/error.hpp"
#include "framehop/shm/reader.hpp"
#include "lease.hpp"
#include "ring_bindings.hpp"

namespace framehop::python {
namespace {

using shm::Lease;

class ReaderHandle {
  public:
    ReaderHandle(std::string path, std::shared_ptr<shm::Membership> membership)
        : path_(std::move(path)), reader_(std::move(membership)) {}

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const shm::Membership& membership() const noexcept { return reader_.membership(); }
    [[nodiscard]] std::unique_ptr<LeaseHandle> try_lease(std::uint32_t slot, std::uint32_t generation) {
        auto lease = reader_.try_lease({slot, generation});
        return lease ? std::make_unique<LeaseHandle>(std::make_shared<const Lease>(std::move(*lease))) : nullptr;
    }
    [[nodiscard]] const shm::RingReader& reader() const noexcept { return reader_; }
    void close() noexcept { reader_.close(); }

  private:
    std::string path_;
    shm::RingReader reader_;
};

// Where the pixels are mapped: address and bytes.
std::pair<std::uintptr_t, std::uint64_t> pixel_memory(const ReaderHandle& self) {
    const shm::Mapping& mapping = self.membership().pixels()->mapping();
    return {reinterpret_cast<std::uintptr_t>(mapping.data()), mapping.size()};
}

shm::Role reader_role(const std::string& role) {
    if (role == "detector") return shm::Role::detector;
    if (role == "tap") return shm::Role::tap;
    throw Error(Errc::invalid_argument, "a reader's role is 'detector' or 'tap', not '" + role.substr(0, 32) + "'");
}

std::unique_ptr<ReaderHandle> attach(const std::string& path, const std::string& role, double timeout_s) {
    return std::make_unique<ReaderHandle>(path, attach_membership(path, reader_role(role), timeout_s));
}

void register_lease(py::module_& module) {
    py::class_<LeaseHandle>(module, "Lease", py::is_final())
        .def_property_readonly("ref", &LeaseHandle::ref)
        .def_property_readonly("tag", &LeaseHandle::tag)
        .def("array", &LeaseHandle::array)
        .def("planes", &LeaseHandle::planes)
        .def("release", &LeaseHandle::release)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](LeaseHandle& self, const py::args&) { self.release(); });
}

}  // namespace

void register_ring_reader(py::module_& module) {
    register_lease(module);
    py::class_<ReaderHandle>(module, "RingReader", py::is_final())
        .def_static("attach", &attach, py::arg("path"), py::kw_only(), py::arg("role") = "tap",
                    py::arg("timeout_s") = 5.0)
        .def_property_readonly("path", &ReaderHandle::path)
        .def_property_readonly("ring_id",
                               [](const ReaderHandle& self) { return self.membership().control().ring_id(); })
        .def_property_readonly("slot_count",
                               [](const ReaderHandle& self) { return self.membership().geometry().slot_count; })
        .def_property_readonly("pixel_memory", &pixel_memory)
        .def_property_readonly("alive", [](const ReaderHandle& self) { return self.reader().alive(); })
        .def_property_readonly("has_writer", [](const ReaderHandle& self) { return self.reader().has_writer(); })
        .def("fileno", [](const ReaderHandle& self) { return self.reader().fd(); })
        .def("try_lease", &ReaderHandle::try_lease, py::arg("slot"), py::arg("generation"))
        .def("close", &ReaderHandle::close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](ReaderHandle& self, const py::args&) { self.close(); });
}

}  // namespace framehop::python
