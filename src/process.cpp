#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "bindings.hpp"
#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "framehop/base/failpoint.hpp"
#include "gil.hpp"

namespace framehop::python {
namespace {

void die_with_parent(int parent_pid) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) throw_errno("prctl(PR_SET_PDEATHSIG)");
    // If the parent died before the call above took effect, the signal will never come.
    if (::getppid() != parent_pid) {
        throw Error(Errc::refused, "the parent, process " + std::to_string(parent_pid) + ", is gone");
    }
}

}  // namespace

void register_process(py::module_& module) {
    module.def("arm_failpoint", &arm_failpoint, py::arg("name"), py::arg("nth") = 1);
    module.def("failpoint", &failpoint, py::arg("name"));
    module.def("raise_descriptor_limit", &raise_descriptor_limit);
    module.def(
        "need_descriptors",
        [](std::size_t count, const std::string& what) {
            const GilRelease release;
            need_descriptors(count, what);
        },
        py::arg("count"), py::arg("what"));
    module.def(
        "reserve_descriptors",
        [](std::size_t count, const std::string& what) {
            const GilRelease release;
            reserve_descriptors(count, what);
        },
        py::arg("count"), py::arg("what"));
    module.def("die_with_parent", &die_with_parent, py::arg("parent_pid"));
}

}  // namespace framehop::python
