// A link carries the hop's messages between one detector and its workers on a host, without reading them. Every
// implementation passes cpp/tests/hop_link_conformance.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framehop/wire/parse.hpp"

namespace framehop::hop {

// A message as it came. Its bytes belong to the link and are valid until the next try_receive or wait.
struct Message {
    wire::Bytes peer;  // the server's address for an answer: opaque, not empty, unique; empty at the client
    wire::Bytes bytes;
};

enum class Received {
    message,
    nothing,    // nothing is there yet
    malformed,  // a stranger sent something that is no message of this link; it was dropped
};

enum class Sent {
    yes,
    full,         // the other end does not read, and the link's bound is reached
    unreachable,  // the other end is gone
};

enum class Connection {
    pending,    // the server was not there yet
    connected,  // the server is there, or was when last heard of
    lost,       // the server was there and is gone; this is final
};

// How long a closing end waits at most for peers that do not read.
inline constexpr std::chrono::milliseconds kLinger{1000};

// Both ends have a bounded queue of whole messages each way, in order, none twice. Use from one thread. Only `wait`
// blocks. In a forked child a link can only be destroyed, which does not affect the parent's; all else throws
// Errc::closed there. Destroying a server's link gives messages that are on their way kLinger at most to leave; a
// client's does not wait, as nobody could answer it.
class Link {
  public:
    Link() = default;
    virtual ~Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Waits for something to receive, for a change of the connection, or for one of `wake_fds` to become readable or
    // to hang up, and appends those that did to `readable`. May return true without a cause. False when `timeout` is
    // over, or a signal came first. Throws Errc::system.
    [[nodiscard]] virtual bool wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds,
                                    std::vector<int>& readable) = 0;

    // Fills in `message` when it returns Received::message. Messages above wire's limits never arrive, as they end
    // their sender's connection. Throws Errc::system.
    [[nodiscard]] virtual Received try_receive(Message& message) = 0;
};

// The worker's end: one connection to one detector, which need not be there yet.
class ClientLink : public Link {
  public:
    // Takes all of `message` or nothing. Before the detector is there the message waits for it, and leaves in a `wait`
    // at the latest.
    [[nodiscard]] virtual Sent try_send(wire::Bytes message) = 0;

    // Returns the last known state of the connection. Messages that arrived before a loss can still be received.
    [[nodiscard]] virtual Connection connection() = 0;
};

// The detector's end, for any number of workers, which come and go. It notices a worker's end when it sends to it.
class ServerLink : public Link {
  public:
    // Takes all of `message` or nothing. `peer`: that of a Message from this link.
    [[nodiscard]] virtual Sent try_send(wire::Bytes peer, wire::Bytes message) = 0;

    // Ends the connection of a peer. What it sent before may still arrive. Harmless when the peer is gone.
    virtual void end(wire::Bytes peer) = 0;
};

// Bytes of memory that a worker's link takes over shared memory. ZeroMQ's grows with what is under way.
inline constexpr std::uint64_t kShmLinkBytes = (std::uint64_t{32} << 20) + 4096;

// Makes the link that `address` names: ipc://PATH is ZeroMQ over a Unix socket, shm://PATH is shared memory, introduced
// over a Unix socket. Binding needs a directory of mode 0700, and replaces a socket file that a dead predecessor left;
// closing removes it. Both keep 128 peers at a time. libzmq aborts a process that has no descriptor left when a
// stranger connects: binding ipc:// needs more than can come unnoticed, some 1,100, and raises the soft limit as far as
// that takes. Throws Errc::invalid_argument for any other address, Errc::system, Errc::refused, and for shm:// the
// errors of shm::Listener.
[[nodiscard]] std::unique_ptr<ClientLink> connect_link(const std::string& address);
[[nodiscard]] std::unique_ptr<ServerLink> bind_link(const std::string& address);

}  // namespace framehop::hop
