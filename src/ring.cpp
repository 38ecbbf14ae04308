#include "bindings.hpp"

namespace framehop::python {

void register_ring(py::module_&) {}

}  // namespace framehop::python
