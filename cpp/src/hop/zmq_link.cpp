#include "zmq_link.hpp"

#include <poll.h>

#include "framehop/wire/serialise.hpp"
#include "lent_message.hpp"

namespace framehop::hop {
namespace {

// Those who have gone are forgotten when so many are known: more than are connected at a time.
constexpr std::size_t kMostKnown = 256;

// Small answers are let go of when libzmq has copied them, a moment before it writes them.
constexpr int kMomentMs = 5;

std::string string_of(wire::Bytes bytes) { return {bytes.begin(), bytes.end()}; }

struct Answer {
    wire::Buffer bytes;
    std::shared_ptr<const bool> held;
};

}  // namespace

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

// libzmq has a linger of its own, but cannot close with connections (parting.hpp).
ZmqServerLink::~ZmqServerLink() {
    if (!socket_.is_ours() || held_.use_count() == 1) return;
    const auto deadline = std::chrono::steady_clock::now() + kLinger;
    while (held_.use_count() > 1 && std::chrono::steady_clock::now() < deadline) ::poll(nullptr, 0, 1);
    ::poll(nullptr, 0, kMomentMs);
}

bool ZmqServerLink::wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, std::vector<int>& readable) {
    return socket_.wait(timeout, wake_fds, readable);
}

Received ZmqServerLink::try_receive(Message& message) {
    Incoming* const incoming = socket_.try_receive();
    if (incoming == nullptr) return Received::nothing;
    if (incoming->parts != 2) return Received::malformed;
    note(string_of(incoming->first.bytes()));
    message = {.peer = incoming->first.bytes(), .bytes = incoming->second.bytes()};
    return Received::message;
}

Sent ZmqServerLink::try_send(wire::Bytes peer, wire::Bytes message) {
    const auto answer =
        std::make_shared<const Answer>(Answer{.bytes = {message.begin(), message.end()}, .held = held_});
    LentMessage part(answer->bytes,
                     answer);  // made before the first part is sent: a message must not end in its middle
    const Sent addressed = socket_.try_send(peer, true);
    return addressed == Sent::yes ? socket_.try_send(part.raw()) : addressed;
}

// libzmq's own names begin with a zero and are given once. A peer that has named itself may come again by another
// connection.
void ZmqServerLink::note(const std::string& peer) {
    if (peer.starts_with('\0') && connections_.contains(peer)) return;
    if (connections_.size() >= kMostKnown) {
        std::erase_if(connections_, [](const auto& known) { return known.second.is_gone(); });
    }
    if (const ConnectionId id = socket_.connection_of_last(); !id.is_gone()) connections_[peer] = id;
}

// libzmq has no call for this. Its thread finds the end of the stream and does the rest.
void ZmqServerLink::end(wire::Bytes peer) {
    socket_.check_owner();  // the connection is the parent's, too
    const auto found = connections_.find(string_of(peer));
    if (found == connections_.end()) return;
    found->second.end();
    connections_.erase(found);
}

}  // namespace framehop::hop
