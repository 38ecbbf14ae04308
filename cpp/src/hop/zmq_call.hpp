// What every use of libzmq here needs.
#pragma once

#include <zmq.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "framehop/base/error.hpp"

namespace framehop::hop {

[[noreturn]] inline void throw_zmq(const std::string& what) {
    throw Error(errno == ENOMEM ? Errc::no_memory : Errc::system, what + ": " + zmq_strerror(errno));
}

[[nodiscard]] inline int poll_milliseconds(std::chrono::nanoseconds timeout) noexcept {
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(timeout).count());
}

// Returns what to poll for: readable when libzmq has something to look at at this socket since it was last looked at.
inline int descriptor_of(void* socket) {
    int fd = -1;
    std::size_t bytes = sizeof fd;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &bytes) != 0) throw_zmq("zmq_getsockopt ZMQ_FD");
    return fd;
}

}  // namespace framehop::hop
