#include "framehop/hop/link.hpp"

#include <string_view>

#include "framehop/base/error.hpp"
#include "shm_link.hpp"
#include "zmq_link.hpp"

namespace framehop::hop {
namespace {

constexpr std::string_view kShm = "shm://";

// Returns the path of an address of the shared-memory link; empty for other addresses.
std::string shm_path(const std::string& address) {
    if (!address.starts_with(kShm)) return {};
    std::string path = address.substr(kShm.size());
    if (!wire::is_valid_path(path)) {
        throw Error(Errc::invalid_argument, "the hop's address must be shm:// and the path of a socket of 1 to " +
                                                std::to_string(wire::kMaxPath) + " bytes: " + address);
    }
    return path;
}

}  // namespace

std::unique_ptr<ClientLink> connect_link(const std::string& address) {
    const std::string path = shm_path(address);
    if (!path.empty()) return std::make_unique<ShmClientLink>(path);
    return std::make_unique<ZmqClientLink>(address);
}

std::unique_ptr<ServerLink> bind_link(const std::string& address) {
    const std::string path = shm_path(address);
    if (!path.empty()) return std::make_unique<ShmServerLink>(path);
    return std::make_unique<ZmqServerLink>(address);
}

}  // namespace framehop::hop
