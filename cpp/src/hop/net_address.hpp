// The addresses that frames may go to and come from.
#pragma once

#include <string>
#include <string_view>

namespace framehop::hop {

inline constexpr std::string_view kIpc = "ipc://";
inline constexpr std::string_view kTcp = "tcp://";

// Returns the address, once it is seen to be one. Throws Errc::invalid_argument for what is neither tcp://HOST:PORT nor
// ipc://PATH, Errc::refused for tcp:// without keys unless `insecure`.
[[nodiscard]] std::string checked_net_address(std::string address, bool has_keys, bool insecure);

// Whether the host is a name, or an address of IPv6; libzmq would write those of IPv4 as such ones.
[[nodiscard]] bool may_be_ipv6(std::string_view address) noexcept;

// Returns the address without its scheme.
[[nodiscard]] std::string_view place_of(std::string_view address) noexcept;

}  // namespace framehop::hop
