// Names one accepted connection of ours, so that it can be ended from outside libzmq, which has no call for that.
#pragma once

#include <zmq.h>

#include <cstdint>

namespace framehop::hop {

// A value. The descriptor's number may be another file's later; the kernel's cookie of a socket never is.
class ConnectionId {
  public:
    ConnectionId() = default;
    // Of the connection by which `message` came, which must be the last one received.
    explicit ConnectionId(zmq_msg_t* message) noexcept;
    // Ends the connection if it still stands. libzmq's thread finds the end of the stream, and frees what was queued.
    void end() const noexcept;
    // Whether libzmq has let go of it.
    [[nodiscard]] bool is_gone() const noexcept;

  private:
    int fd_ = -1;
    std::uint64_t cookie_ = 0;
};

}  // namespace framehop::hop
