#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
    using namespace framehop::python;
    module.doc() = "framehop's C++ core";
    module.attr("__version__") = FRAMEHOP_VERSION;
    register_errors(module);
    register_process(module);
    register_bell(module);
    register_ring(module);
    register_codec(module);
    register_video(module);
    register_image(module);
    register_nms(module);
    register_scores(module);
    register_hop(module);
}
