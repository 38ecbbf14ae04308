// The portable link: a DEALER at each worker, a ROUTER at the detector, over ipc://.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "connection_id.hpp"
#include "framehop/hop/link.hpp"
#include "zmq_socket.hpp"

namespace framehop::hop {

class ZmqClientLink final : public ClientLink {
  public:
    explicit ZmqClientLink(const std::string& address);

    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds,
                            std::vector<int>& readable) override;
    [[nodiscard]] Received try_receive(Message& message) override;
    [[nodiscard]] Sent try_send(wire::Bytes message) override;
    [[nodiscard]] Connection connection() override;

  private:
    ZmqSocket socket_;
    Connection connection_ = Connection::pending;
};

// The detector's end. A peer is named by the routing id that libzmq gave its connection.
class ZmqServerLink final : public ServerLink {
  public:
    explicit ZmqServerLink(const std::string& address);
    ~ZmqServerLink() override;
    ZmqServerLink(const ZmqServerLink&) = delete;
    ZmqServerLink& operator=(const ZmqServerLink&) = delete;

    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds,
                            std::vector<int>& readable) override;
    [[nodiscard]] Received try_receive(Message& message) override;
    [[nodiscard]] Sent try_send(wire::Bytes peer, wire::Bytes message) override;
    void end(wire::Bytes peer) override;

  private:
    void note(const std::string& peer);

    ZmqSocket socket_;
    // By which connection each peer's messages come: libzmq says it with a message, and not later.
    std::unordered_map<std::string, ConnectionId> connections_;
    std::shared_ptr<const bool> held_ = std::make_shared<const bool>();  // shared with each answer that libzmq holds
};

}  // namespace framehop::hop
