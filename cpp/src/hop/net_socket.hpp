// A socket of libzmq that may lie on the network: encrypted there, unless the user wants otherwise.
#pragma once

#include <zmq.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connections.hpp"
#include "framehop/hop/keys.hpp"
#include "framehop/hop/link.hpp"
#include "gatekeeper.hpp"
#include "note_budget.hpp"
#include "owner.hpp"
#include "socket_events.hpp"
#include "socket_file.hpp"
#include "zmq_part.hpp"

namespace framehop::hop {

// The parts of one message, as many as any message of ours has; a stranger's further ones are only counted.
struct Parts {
    static constexpr std::size_t kMost = 3;

    std::vector<std::shared_ptr<Part>> kept;
    std::size_t count = 0;
};

// Not thread-safe. In a forked child it can only be destroyed, which does not affect the parent's.
class NetSocket {
  public:
    // Throws Errc::refused for a tcp:// address without keys, unless `insecure`; Errc::invalid_argument for an address
    // that is neither tcp:// nor ipc://; Errc::system.
    NetSocket(int type, const std::string& address, bool has_keys, bool insecure);
    ~NetSocket();
    NetSocket(const NetSocket&) = delete;
    NetSocket& operator=(const NetSocket&) = delete;

    void set(int option, int value);
    void set(int option, std::int64_t value);
    // Bounds what a peer may send in one part, `bytes` of ours and what encryption and handshakes need.
    void limit(std::uint64_t bytes) { set(ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(bytes + kHandshake)); }
    // Call one of these before bind or connect.
    void secure(const SenderKeys& keys);
    void secure(const ReceiverKeys& keys);
    // Takes `most` connections at a time, and from each no more than `allowance` for nothing. Replaces an ipc:// socket
    // file that a dead predecessor left.
    void bind(std::size_t most, Allowance allowance);
    // Connects, and again whenever the connection breaks off, as it does when the other end goes beyond `allowance`.
    void connect(Allowance allowance);
    void connect_anew();  // libzmq never does so by itself once the other end has refused
    void end(const ConnectionId& connection);
    [[nodiscard]] bool is_ours() const noexcept { return owner_.is_us(); }  // false in a forked child
    // The address, with the port that was found.
    [[nodiscard]] const std::string& address() const noexcept { return address_; }

    // Waits for a message, for something to attend to or for one of `fds`; appends the readable fds. Does not wait
    // unless all that came was received and attended to: libzmq's descriptors show only what came since it was looked
    // at. False on a time-out or a signal.
    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> fds, std::vector<int>& readable);
    // Answers who may connect, and returns how many handshakes have failed; `notes` gets a few words on each, up to a
    // few.
    [[nodiscard]] std::uint64_t attend(std::vector<std::string>& notes);
    // Ends the connections of those who go too far. Call it when all that came was received: who has sent a message is
    // not to blame that it waited here.
    void end_excess(std::vector<std::string>& notes);
    [[nodiscard]] std::optional<Parts> try_receive();
    [[nodiscard]] Sent try_send(wire::Bytes part, bool more);
    [[nodiscard]] Sent try_send(zmq_msg_t* message, bool more);

  private:
    static constexpr std::uint64_t kHandshake = 1024;  // CURVE's largest command has some 500 bytes

    // What libzmq says of a handshake that failed; empty where the gatekeeper has said more.
    [[nodiscard]] std::string describe(const SocketEvent& failure) const;
    void set_bytes(int option, const std::string& value);
    void bind_port(std::size_t most);
    void bind_file(std::size_t most);
    [[nodiscard]] std::vector<std::string> answer_all();
    void close() noexcept;

    Owner owner_;
    std::string address_;
    SocketFile file_;
    void* context_ = nullptr;
    void* socket_ = nullptr;
    std::unique_ptr<SocketEvents> events_;
    std::unique_ptr<Gatekeeper> gatekeeper_;
    std::optional<Connections> connections_;  // once it is bound or connected
    bool is_bound_ = false;
    bool looked_ = false;      // nothing was there at the last look, and nothing was sent since
    bool events_came_ = true;  // or may have come
    Allowance allowance_;
    Connections::Clock::time_point next_look_;
    NoteBudget of_handshakes_;
    NoteBudget of_excess_;
};

}  // namespace framehop::hop
