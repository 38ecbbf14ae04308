// The portable link: a DEALER at each worker, a ROUTER at the detector, over ipc://.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

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

    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds,
                            std::vector<int>& readable) override;
    [[nodiscard]] Received try_receive(Message& message) override;
    [[nodiscard]] Sent try_send(wire::Bytes peer, wire::Bytes message) override;
    void end_last_sender() noexcept override { socket_.end_last_sender(); }

  private:
    ZmqSocket socket_;
};

}  // namespace framehop::hop
