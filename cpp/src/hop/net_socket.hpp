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

#include "framehop/hop/keys.hpp"
#include "framehop/hop/link.hpp"
#include "gatekeeper.hpp"
#include "socket_file.hpp"
#include "zmq_socket.hpp"

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
    void bind();                               // replaces an ipc:// socket file that a dead predecessor left
    void connect();                            // and again whenever the connection breaks off
    void connect_anew();                       // libzmq never does so by itself once the other end has refused
    [[nodiscard]] bool ours() const noexcept;  // false in a forked child
    // The address, with the port that was found.
    [[nodiscard]] const std::string& address() const noexcept { return address_; }

    // Waits for a message, a handshake that fails or one of `fds`; appends the readable fds. False on a time-out or a
    // signal.
    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> fds, std::vector<int>& readable);
    // Answers who may connect, and returns how many handshakes have failed; `notes` gets a few words on each, up to a
    // few.
    [[nodiscard]] std::uint64_t attend(std::vector<std::string>& notes);
    [[nodiscard]] std::optional<Parts> try_receive();
    [[nodiscard]] Sent try_send(wire::Bytes part, bool more);
    [[nodiscard]] Sent try_send(zmq_msg_t* message, bool more);

  private:
    static constexpr std::uint64_t kHandshake = 1024;  // CURVE's largest command has some 500 bytes

    void watch_handshakes();
    void set_bytes(int option, const std::string& value);
    [[nodiscard]] std::optional<std::string> try_next_failure();
    void check_owner() const;
    void close() noexcept;

    int owner_pid_;
    std::string address_;
    SocketFile file_;
    void* context_ = nullptr;
    void* socket_ = nullptr;
    void* events_ = nullptr;
    std::unique_ptr<Gatekeeper> gatekeeper_;
};

}  // namespace framehop::hop
