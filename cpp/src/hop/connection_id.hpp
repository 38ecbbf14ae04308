// Names one connection of ours, so that it can be ended from outside libzmq, which has no call for that.
#pragma once

#include <zmq.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace framehop::hop {

// Which end of the connection has the address that a socket was bound at, or connected to.
enum class Place { ours, theirs };

// A value. The descriptor's number may be another file's later; the kernel's cookie of a socket never is.
class ConnectionId {
  public:
    ConnectionId() = default;
    // The connection by which `message` came to the socket at `place`, a path or HOST:PORT. It may have ended since,
    // and its number be another file's: then this names nothing.
    ConnectionId(zmq_msg_t* message, std::string_view place, Place whose = Place::ours) noexcept;
    // Names the connection of which libzmq said that it has the descriptor `fd`.
    ConnectionId(int fd, std::string_view place, Place whose = Place::ours) noexcept;
    [[nodiscard]] bool operator==(const ConnectionId&) const noexcept = default;

    // Ends the connection if it still stands. libzmq's thread finds the end of the stream, and frees what was queued.
    void end() const noexcept;
    // Whether libzmq has let go of it.
    [[nodiscard]] bool is_gone() const noexcept;

    [[nodiscard]] int fd() const noexcept { return fd_; }  // -1 if it names nothing
    // How many bytes have come by it, as the kernel counts them for TCP; 0 for other sockets.
    [[nodiscard]] std::uint64_t bytes_received() const noexcept;
    // The address of the other end, in words; "somebody on this host" without one.
    [[nodiscard]] std::string peer_name() const;

  private:
    int fd_ = -1;
    std::uint64_t cookie_ = 0;
};

}  // namespace framehop::hop
