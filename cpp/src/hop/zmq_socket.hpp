// libzmq behind RAII: each context has one socket in it, so that closing it does not wait for another.
#pragma once

#include <poll.h>
#include <zmq.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connections.hpp"
#include "framehop/hop/link.hpp"
#include "framehop/wire/parse.hpp"
#include "owner.hpp"
#include "socket_events.hpp"
#include "socket_file.hpp"
#include "zmq_part.hpp"

namespace framehop::hop {

// A received message. The hop's have one part, or two at the ROUTER; a stranger's further parts are only counted.
struct Incoming {
    Part first;
    Part second;
    int parts = 0;
};

enum class ConnectionEvent { ready, ended };

// One socket. It receives before it waits, and waits on libzmq's descriptors (ZMQ_FD), not by zmq_poll, which asks
// libzmq about each socket before and after its sleep. Those descriptors show only what libzmq has to look at since it
// looked last: the wait has to find nothing first. Not thread-safe. In a forked child it can only be destroyed, which
// does not affect the parent's sockets.
class ZmqSocket {
  public:
    // Throws Errc::system when there are too few file descriptors left for it to work.
    explicit ZmqSocket(int socket_type, std::int64_t max_message_bytes);
    ~ZmqSocket();
    ZmqSocket(const ZmqSocket&) = delete;
    ZmqSocket& operator=(const ZmqSocket&) = delete;

    // Binds an `ipc://` address in a directory of mode 0700; a network port would need encryption. Replaces a stale
    // socket file; ours is removed at the end. Throws Errc::invalid_argument, Errc::refused, Errc::system.
    void bind(const std::string& address);
    void connect(const std::string& address);
    // Watches the connection: from now on `wait` also ends when it becomes ready or ends, and `try_next_event` says so.
    void watch_connection();

    // Waits for a message, an event or one of `fds`; appends the readable fds. False on a time-out or a signal.
    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> fds, std::vector<int>& readable);
    // Returns the next message, valid until the next call of this or of `wait`; nullptr when none is there.
    [[nodiscard]] Incoming* try_receive();
    // Returns the next event of a watched connection that a `wait` has noticed.
    [[nodiscard]] std::optional<ConnectionEvent> try_next_event();
    // Returns the connection by which the message came that was received last, at a bound socket.
    [[nodiscard]] ConnectionId connection_of_last() noexcept { return {incoming_.second.raw(), file_.path()}; }
    // Returns Sent::unreachable when a ROUTER's peer is gone.
    [[nodiscard]] Sent try_send(wire::Bytes part, bool more = false);
    // Sends the last part of a message, which stays `message`'s owner's if it cannot be sent.
    [[nodiscard]] Sent try_send(zmq_msg_t* message);
    // False in a forked child, where `check_owner` throws Errc::closed.
    [[nodiscard]] bool is_ours() const noexcept { return owner_.is_us(); }
    void check_owner() const { owner_.check(); }

  private:
    template <class Value>
    void set_option(int option, Value value);
    void close() noexcept;
    [[nodiscard]] bool take_ahead();
    [[nodiscard]] bool take();
    void watch(int kinds);
    [[nodiscard]] bool end_excess();
    [[nodiscard]] std::vector<pollfd> watched() const;

    Owner owner_;
    SocketFile file_;
    void* context_ = nullptr;
    void* socket_ = nullptr;
    int socket_fd_ = -1;
    std::unique_ptr<SocketEvents> events_;
    std::optional<Connections> connections_;  // of a bound socket
    Incoming incoming_;
    bool taken_ahead_ = false;  // by a wait: nobody has had it yet
    bool looked_ = false;       // nothing was there at the last look, and nothing was sent since
    bool events_came_ = false;
};

}  // namespace framehop::hop
