#include "bindings.hpp"

namespace framehop::python {

void register_hop(py::module_&) {}

}  // namespace framehop::python
