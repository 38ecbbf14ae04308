#include "net_address.hpp"

#include "framehop/base/error.hpp"

namespace framehop::hop {
namespace {

bool names_a_place(std::string_view address, std::string_view scheme) noexcept {
    return address.starts_with(scheme) && address.size() > scheme.size();
}

}  // namespace

std::string checked_net_address(std::string address, bool has_keys, bool insecure) {
    const bool tcp = names_a_place(address, kTcp);
    // '*' asks libzmq for a path of its own choosing, '@' for the abstract namespace, which has no owner.
    const bool ipc = names_a_place(address, kIpc) && address[kIpc.size()] != '*' && address[kIpc.size()] != '@';
    if (!tcp && !ipc) {
        throw Error(Errc::invalid_argument,
                    "frames go over tcp://HOST:PORT, or over ipc:// and the path of a socket: " + address);
    }
    if (tcp && !has_keys && !insecure) {
        throw Error(Errc::refused, "frames go over " + address +
                                       " with keys only: make them by framehop keys create DIR; insecure, of a command "
                                       "--insecure, goes without, for a network on which everybody may see them");
    }
    return address;
}

bool may_be_ipv6(std::string_view address) noexcept {
    if (!address.starts_with(kTcp)) return false;
    const std::string_view place = place_of(address);
    return place.substr(0, place.rfind(':')).find_first_not_of("0123456789.*") != std::string_view::npos;
}

std::string_view place_of(std::string_view address) noexcept {
    return address.substr(address.starts_with(kIpc) ? kIpc.size() : kTcp.size());
}

}  // namespace framehop::hop
