#include "zmq_link.hpp"

namespace framehop::hop {

ZmqClientLink::ZmqClientLink(const std::string& address) : socket_(ZMQ_DEALER, wire::kMaxToWorker) {
    socket_.watch_connection();
    socket_.connect(address);
}

bool ZmqClientLink::wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, std::vector<int>& readable) {
    return socket_.wait(timeout, wake_fds, readable);
}

Received ZmqClientLink::try_receive(Message& message) {
    Incoming* const incoming = socket_.try_receive();
    if (incoming == nullptr) return Received::nothing;
    if (incoming->parts != 1) return Received::malformed;
    message = {.peer = {}, .bytes = incoming->first.bytes()};
    return Received::message;
}

Sent ZmqClientLink::try_send(wire::Bytes message) {
    // libzmq would reconnect and hand the message to a successor that knows nothing of this worker.
    if (connection_ == Connection::lost) return Sent::unreachable;
    return socket_.try_send(message);
}

Connection ZmqClientLink::connection() {
    while (const auto event = socket_.try_next_event()) {
        // If the connection ends before the first handshake, it is not lost: libzmq keeps the messages and tries again.
        if (connection_ == Connection::pending && *event == ConnectionEvent::ready) connection_ = Connection::connected;
        if (connection_ == Connection::connected && *event == ConnectionEvent::ended) connection_ = Connection::lost;
    }
    return connection_;
}

ZmqServerLink::ZmqServerLink(const std::string& address) : socket_(ZMQ_ROUTER, wire::kMaxToDetector) {
    socket_.bind(address);
}

bool ZmqServerLink::wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, std::vector<int>& readable) {
    return socket_.wait(timeout, wake_fds, readable);
}

Received ZmqServerLink::try_receive(Message& message) {
    Incoming* const incoming = socket_.try_receive();
    if (incoming == nullptr) return Received::nothing;
    if (incoming->parts != 2) return Received::malformed;
    message = {.peer = incoming->first.bytes(), .bytes = incoming->second.bytes()};
    return Received::message;
}

Sent ZmqServerLink::try_send(wire::Bytes peer, wire::Bytes message) {
    const Sent addressed = socket_.try_send(peer, true);
    return addressed == Sent::yes ? socket_.try_send(message) : addressed;
}

}  // namespace framehop::hop
