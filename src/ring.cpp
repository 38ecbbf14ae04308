#include "ring_bindings.hpp"

namespace framehop::python {

void register_ring(py::module_& module) {
    register_ring_values(module);
    register_ring_host(module);
    register_ring_writer(module);
    register_ring_reader(module);
}

}  // namespace framehop::python
