// Names one accepted connection of ours, so that it can be ended from outside libzmq, which has no call for that.
#pragma once

#include <zmq.h>

#include <cstdint>
#include <string_view>

namespace framehop::hop {

// A value. The descriptor's number may be another file's later; the kernel's cookie of a socket never is.
class ConnectionId {
  public:
    ConnectionId() = default;
    // The connection by which `message` came to the socket that is bound at `place`, a path or HOST:PORT. It may have
    // ended since, and its number be another file's: then this names nothing.
    ConnectionId(zmq_msg_t* message, std::string_view place) noexcept;
    // Ends the connection if it still stands. libzmq's thread finds the end of the stream, and frees what was queued.
    void end() const noexcept;
    // Whether libzmq has let go of it.
    [[nodiscard]] bool is_gone() const noexcept;

  private:
    int fd_ = -1;
    std::uint64_t cookie_ = 0;
};

}  // namespace framehop::hop
