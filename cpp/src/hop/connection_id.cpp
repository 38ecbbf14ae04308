#include "connection_id.hpp"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
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

bool has_end_at(int fd, std::string_view place, Place whose) noexcept {
    if (fd < 0) return false;
    sockaddr_storage name{};
    socklen_t bytes = sizeof name;
    const auto ask = whose == Place::ours ? &::getsockname : &::getpeername;
    if (ask(fd, reinterpret_cast<sockaddr*>(&name), &bytes) != 0) return false;
    if (name.ss_family == AF_UNIX) return place == path_of(name);
    if (name.ss_family != AF_INET && name.ss_family != AF_INET6) return false;
    std::uint16_t port = 0;
    const std::string_view digits = place.substr(place.rfind(':') + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return parsed.ec == std::errc() && port == port_of(name);
}

// Returns the descriptor by which libzmq received `message`; -1 if it does not say.
int descriptor_of(zmq_msg_t* message) noexcept {
    int fd = -1;
    const char* text = zmq_msg_gets(message, "__fd");
    if (text != nullptr) static_cast<void>(std::from_chars(text, text + std::strlen(text), fd));
    return fd;
}

}  // namespace

ConnectionId::ConnectionId(zmq_msg_t* message, std::string_view place, Place whose) noexcept
    : ConnectionId(descriptor_of(message), place, whose) {}

ConnectionId::ConnectionId(int fd, std::string_view place, Place whose) noexcept {
    if (!has_end_at(fd, place, whose)) return;
    fd_ = fd;
    cookie_ = cookie_of(fd);
}

void ConnectionId::end() const noexcept {
    if (!is_gone()) ::shutdown(fd_, SHUT_RDWR);
}

bool ConnectionId::is_gone() const noexcept { return cookie_ == 0 || cookie_of(fd_) != cookie_; }

std::uint64_t ConnectionId::bytes_received() const noexcept {
    tcp_info info{};  // an older kernel fills in less
    socklen_t bytes = sizeof info;
    return ::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 ? info.tcpi_bytes_received : 0;
}

std::string ConnectionId::peer_name() const {
    sockaddr_storage name{};
    socklen_t bytes = sizeof name;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&name), &bytes) == 0) {
        const void* address = name.ss_family == AF_INET
                                  ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(name).sin_addr)
                                  : &reinterpret_cast<const sockaddr_in6&>(name).sin6_addr;
        const bool is_network = name.ss_family == AF_INET || name.ss_family == AF_INET6;
        if (is_network) ::inet_ntop(name.ss_family, address, text.data(), text.size());
    }
    return text.front() == '\0' ? "somebody on this host" : text.data();
}

}  // namespace framehop::hop
