#include "connection_id.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>
#include <string_view>

namespace framehop::hop {
namespace {

// Returns 0 for what is no socket.
std::uint64_t cookie_of(int fd) noexcept {
    std::uint64_t cookie = 0;
    socklen_t bytes = sizeof cookie;
    return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes) == 0 ? cookie : 0;
}

std::string_view path_of(const sockaddr_storage& name) noexcept {
    const char* path = reinterpret_cast<const sockaddr_un&>(name).sun_path;
    return {path, ::strnlen(path, sizeof(sockaddr_un::sun_path))};
}

std::uint16_t port_of(const sockaddr_storage& name) noexcept {
    // It has the same place in an address of IPv6.
    return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
}

bool was_accepted_at(int fd, std::string_view place) noexcept {
    sockaddr_storage name{};
    socklen_t bytes = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &bytes) != 0) return false;
    if (name.ss_family == AF_UNIX) return place == path_of(name);
    if (name.ss_family != AF_INET && name.ss_family != AF_INET6) return false;
    std::uint16_t port = 0;
    const std::string_view digits = place.substr(place.rfind(':') + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return parsed.ec == std::errc() && port == port_of(name);
}

}  // namespace

ConnectionId::ConnectionId(zmq_msg_t* message, std::string_view place) noexcept {
    const char* text = zmq_msg_gets(message, "__fd");
    if (text == nullptr || std::from_chars(text, text + std::strlen(text), fd_).ec != std::errc()) return;
    if (was_accepted_at(fd_, place)) cookie_ = cookie_of(fd_);
}

void ConnectionId::end() const noexcept {
    if (!is_gone()) ::shutdown(fd_, SHUT_RDWR);
}

bool ConnectionId::is_gone() const noexcept { return cookie_ == 0 || cookie_of(fd_) != cookie_; }

}  // namespace framehop::hop
