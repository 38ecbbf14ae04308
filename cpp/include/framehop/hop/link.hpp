// What carries the hop's messages between one detector and its workers on a host. A link knows nothing of what is in
// them. Every implementation passes cpp/tests/hop_link_conformance.hpp.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framehop/wire/parse.hpp"

namespace framehop::hop {

// A message as it came. Its bytes are the link's, and valid until the next try_receive.
struct Message {
    wire::Bytes peer;  // what the server answers to: opaque, not empty, never another worker's; empty at the client
    wire::Bytes bytes;
};

enum class Received {
    message,
    nothing,    // nothing is there yet
    malformed,  // something that is no message of this link came from a stranger, and was dropped
};

enum class Sent {
    yes,
    full,         // the other end does not read, and the link's bound is reached
    unreachable,  // the other end is gone
};

enum class Connection {
    pending,    // the server was not there yet
    connected,  // it is there, or was when last heard of
    lost,       // it was there and is gone; this is final
};

// What both ends have in common: a bounded queue of whole messages each way, in order, none twice. Use from one thread.
// Nothing but `wait` ever blocks. In a forked child a link can only be destroyed, which leaves the parent's alone;
// everything else throws Errc::closed there. Destroying one never lingers: what has not left by then may be lost.
class Link {
  public:
    Link() = default;
    virtual ~Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Waits for something to receive, for a change of the connection, or for one of `wake_fds` to become readable or
    // to hang up, and appends those that did to `readable`. May also return true for nothing. False when `timeout` is
    // over, or a signal came first. Throws Errc::system.
    [[nodiscard]] virtual bool wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds,
                                    std::vector<int>& readable) = 0;

    // Fills in `message` when it returns Received::message. Messages above wire's limits never get here: they end their
    // sender's connection. Throws Errc::system.
    [[nodiscard]] virtual Received try_receive(Message& message) = 0;
};

// The worker's end: one connection to one detector, which need not be there yet.
class ClientLink : public Link {
  public:
    // Takes all of `message` or nothing. Before the detector is there the message waits for it.
    [[nodiscard]] virtual Sent try_send(wire::Bytes message) = 0;

    // Says what has been heard of the server by now. What arrived before a loss can still be received.
    [[nodiscard]] virtual Connection connection() = 0;
};

// The detector's end: any number of workers, which come and go. It learns of a worker's end when it sends to it.
class ServerLink : public Link {
  public:
    // Takes all of `message` or nothing. `peer`: a Message's, from this link.
    [[nodiscard]] virtual Sent try_send(wire::Bytes peer, wire::Bytes message) = 0;
};

// The link that `address` names: ipc://PATH is ZeroMQ over a Unix socket. Binding replaces a socket file that a dead
// predecessor left; closing removes it. Throws Errc::invalid_argument for any other address, Errc::system.
[[nodiscard]] std::unique_ptr<ClientLink> connect_link(const std::string& address);
[[nodiscard]] std::unique_ptr<ServerLink> bind_link(const std::string& address);

}  // namespace framehop::hop
