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

}  // namespace framehop::hop
