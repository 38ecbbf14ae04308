#include "framehop/hop/link.hpp"

#include "zmq_link.hpp"

namespace framehop::hop {

std::unique_ptr<ClientLink> connect_link(const std::string& address) {
    return std::make_unique<ZmqClientLink>(address);
}

std::unique_ptr<ServerLink> bind_link(const std::string& address) { return std::make_unique<ZmqServerLink>(address); }

}  // namespace framehop::hop
