#include "bindings.hpp"

namespace framehop::python {

void register_image(py::module_&) {}

}  // namespace framehop::python
