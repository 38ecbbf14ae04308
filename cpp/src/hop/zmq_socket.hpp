// libzmq behind RAII: one context with one socket in it, nothing shared, so that closing one waits for nobody else's.
#pragma once

#include <zmq.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framehop/hop/link.hpp"
#include "framehop/wire/parse.hpp"
#include "socket_file.hpp"

namespace framehop::hop {

// One part of a received message; its bytes are libzmq's and valid until the next receive into it.
class Part {
  public:
    Part() noexcept { zmq_msg_init(&message_); }
    ~Part() { zmq_msg_close(&message_); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    [[nodiscard]] zmq_msg_t* raw() noexcept { return &message_; }
    [[nodiscard]] bool has_more() const noexcept { return zmq_msg_more(&message_) != 0; }
    [[nodiscard]] wire::Bytes bytes() noexcept {
        return {static_cast<const std::uint8_t*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
    }

  private:
    zmq_msg_t message_;
};

// A received message. The hop's have one part, two at the ROUTER; what a stranger sends beyond that is only counted.
struct Incoming {
    Part first;
    Part second;
    int parts = 0;
};

enum class ConnectionEvent { ready, ended };

// Not thread-safe. In a forked child it can only be destroyed, and then leaves the parent's sockets alone.
class ZmqSocket {
  public:
    explicit ZmqSocket(int socket_type, std::int64_t max_message_bytes);
    ~ZmqSocket();
    ZmqSocket(const ZmqSocket&) = delete;
    ZmqSocket& operator=(const ZmqSocket&) = delete;

    // `ipc://` only: a port open to the network would need encryption. A stale socket file is replaced on bind, ours is
    // removed at the end. Throws Errc::invalid_argument, Errc::system.
    void bind(const std::string& address);
    void connect(const std::string& address);
    // From now on `wait` also ends, and `try_next_event` tells, when the connection becomes ready or ends.
    void watch_connection();

    // Waits for a message, an event or one of `fds`; appends the readable fds. False on time-out and on a signal.
    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> fds, std::vector<int>& readable);
    [[nodiscard]] bool try_receive(Incoming& message);
    [[nodiscard]] std::optional<ConnectionEvent> try_next_event();
    // Sent::unreachable: a ROUTER's peer is gone.
    [[nodiscard]] Sent try_send(wire::Bytes part, bool more = false);

  private:
    void check_owner() const;
    template <class Value>
    void set_option(int option, Value value);
    void close() noexcept;

    int owner_pid_;
    SocketFile file_;
    void* context_ = nullptr;
    void* socket_ = nullptr;
    void* events_ = nullptr;
};

}  // namespace framehop::hop
