#include "connection_id.hpp"

#include <sys/socket.h>

#include <charconv>
#include <cstring>

namespace framehop::hop {
namespace {

// Returns 0 for what is no socket.
std::uint64_t cookie_of(int fd) noexcept {
    std::uint64_t cookie = 0;
    socklen_t bytes = sizeof cookie;
    return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes) == 0 ? cookie : 0;
}

}  // namespace

ConnectionId::ConnectionId(zmq_msg_t* message) noexcept {
    const char* text = zmq_msg_gets(message, "__fd");
    if (text == nullptr || std::from_chars(text, text + std::strlen(text), fd_).ec != std::errc()) return;
    cookie_ = cookie_of(fd_);
}

void ConnectionId::end() const noexcept {
    if (!is_gone()) ::shutdown(fd_, SHUT_RDWR);
}

bool ConnectionId::is_gone() const noexcept { return cookie_ == 0 || cookie_of(fd_) != cookie_; }

}  // namespace framehop::hop
