#include "hop.hpp"

#include "bindings.hpp"
#include "framehop/hop/link.hpp"

namespace framehop::python {

const char* status_name(wire::Status status) noexcept {
    switch (status) {
        case wire::Status::ok:
            return "ok";
        case wire::Status::stale:
            return "stale";
        case wire::Status::failed:
            return "failed";
    }
    return "failed";
}

wire::Status status_from_name(const std::string& name) {
    for (const wire::Status status : {wire::Status::ok, wire::Status::stale, wire::Status::failed}) {
        if (name == status_name(status)) return status;
    }
    throw Error(Errc::invalid_argument, "status must be 'ok', 'stale' or 'failed', not '" + name + "'");
}

const char* delivery_name(wire::Delivery delivery) noexcept {
    return delivery == wire::Delivery::lossless ? "lossless" : "latest";
}

wire::Delivery delivery_from_name(const std::string& name) {
    for (const wire::Delivery delivery : {wire::Delivery::latest, wire::Delivery::lossless}) {
        if (name == delivery_name(delivery)) return delivery;
    }
    throw Error(Errc::invalid_argument, "delivery must be 'latest' or 'lossless', not '" + name.substr(0, 32) + "'");
}

void register_hop(py::module_& module) {
    module.attr("SHM_LINK_BYTES") = hop::kShmLinkBytes;
    register_hop_client(module);
    register_hop_server(module);
    register_hop_trips(module);
    register_frame_sender(module);
    register_frame_receiver(module);
}

}  // namespace framehop::python
