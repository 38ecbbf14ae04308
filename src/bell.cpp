#include "framehop/shm/bell.hpp"

#include <memory>

#include "bindings.hpp"
#include "framehop/base/error.hpp"
#include "wait.hpp"

namespace framehop::python {
namespace {

// The bell is shared, so that a close in one thread does not unmap the page while another waits.
class BellHandle {
  public:
    explicit BellHandle(const std::string& path) : bell_(std::make_shared<shm::Bell>(path)) {}

    [[nodiscard]] std::shared_ptr<shm::Bell> open() const {
        if (!bell_) throw Error(Errc::closed, "the bell is closed");
        return bell_;
    }
    void close() { bell_.reset(); }

  private:
    std::shared_ptr<shm::Bell> bell_;  // touched with the GIL only
};

bool wait(const BellHandle& handle, std::uint32_t sampled, double timeout_s) {
    const std::shared_ptr<shm::Bell> bell = handle.open();
    return wait_in_slices(timeout_s, [&](std::chrono::nanoseconds slice) { return bell->wait(sampled, slice); });
}

}  // namespace

void register_bell(py::module_& module) {
    py::class_<BellHandle>(module, "Bell", py::is_final())
        .def(py::init<const std::string&>(), py::arg("path"))
        .def("sample", [](const BellHandle& self) { return self.open()->sample(); })
        .def("ring", [](const BellHandle& self) { self.open()->ring(); })
        .def("wait", &wait, py::arg("sampled"), py::arg("timeout_s"))
        .def("close", &BellHandle::close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](BellHandle& self, const py::args&) { self.close(); });
}

}  // namespace framehop::python
