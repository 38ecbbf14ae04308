#include "bindings.hpp"

namespace framehop::python {

void register_codec(py::module_&) {}

}  // namespace framehop::python
