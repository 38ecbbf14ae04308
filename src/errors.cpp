// Turns a framehop::Error into the class that framehop.errors names for its code. The classes are defined in Python,
// the codes here.
#include <exception>
#include <string>

#include "bindings.hpp"
#include "framehop/base/error.hpp"
#include "gil.hpp"

namespace framehop::python {
namespace {

void raise_in_python(const Error& error) {
    const py::object made =
        py::module_::import("framehop.errors").attr("from_code")(std::string(name(error.code())), error.what());
    PyErr_SetObject(py::type::of(made).ptr(), made.ptr());
}

}  // namespace

void register_errors(py::module_& module) {
    py::register_local_exception_translator([](std::exception_ptr pending) {
        try {
            if (pending) std::rethrow_exception(pending);
        } catch (const Error& error) {
            or_stand_still([&error] { raise_in_python(error); });
        }
    });
    module.def("error_codes", [] {
        py::list codes;
        for (const Errc code : kAllErrc) codes.append(std::string(name(code)));
        return codes;
    });
}

}  // namespace framehop::python
