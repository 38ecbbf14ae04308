#include "net_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "drain.hpp"
#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "framehop/shm/local_socket.hpp"
#include "net_address.hpp"
#include "parting.hpp"
#include "shm_wait.hpp"
#include "zmq_call.hpp"

namespace framehop::hop {
namespace {

constexpr int kFailures =
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
constexpr int kBeginnings = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED;
// The reason is that of zmq_socket.cpp: libzmq aborts the process when it finds no descriptor left.
constexpr std::size_t kDescriptors = 24;
// The present connection, and those before it that libzmq has yet to let go of.
constexpr std::size_t kConnectionsOfOne = 16;
// Connections are looked at so often.
constexpr std::chrono::milliseconds kLook{100};
constexpr std::pair<int, int> kOptions[] = {
    {ZMQ_LINGER, 0},          {ZMQ_HEARTBEAT_IVL, 1000},     {ZMQ_HEARTBEAT_TIMEOUT, 5000},
    {ZMQ_RECONNECT_IVL, 100}, {ZMQ_RECONNECT_IVL_MAX, 2000}, {ZMQ_HANDSHAKE_IVL, 5000},
};

pollfd pollfd_of(int fd) noexcept { return {.fd = fd, .events = POLLIN, .revents = 0}; }

void* new_context() {
    need_descriptors(kDescriptors, "a socket for frames");
    void* context = zmq_ctx_new();
    if (context == nullptr) throw_zmq("zmq_ctx_new");
    return context;
}

}  // namespace

NetSocket::NetSocket(int type, const std::string& address, bool has_keys, bool insecure)
    : address_(checked_net_address(address, has_keys, insecure)), context_(new_context()) {
    try {
        socket_ = zmq_socket(context_, type);
        if (socket_ == nullptr) throw_zmq("zmq_socket");
        for (const auto& [option, value] : kOptions) set(option, value);
        set(ZMQ_IPV6, may_be_ipv6(address) ? 1 : 0);
        events_ = std::make_unique<SocketEvents>(context_, socket_, kFailures | kBeginnings);
    } catch (...) {
        close();
        throw;
    }
}

NetSocket::~NetSocket() { close(); }

void NetSocket::close() noexcept {
    if (!owner_.is_us()) {
        static_cast<void>(gatekeeper_.release());  // these sockets are the parent's, too
        static_cast<void>(events_.release());
        return;
    }
    file_.remove();
    if (is_bound_) part(*events_, *connections_, [this] { static_cast<void>(answer_all()); });
    if (socket_ != nullptr) zmq_close(socket_);
    events_.reset();      // after the socket, as it says
    gatekeeper_.reset();  // after the socket: without a gatekeeper, libzmq lets in whoever has any key
    while (zmq_ctx_term(context_) != 0 && errno == EINTR) {
    }
}

void NetSocket::set(int option, int value) {
    if (zmq_setsockopt(socket_, option, &value, sizeof value) != 0) {
        throw_zmq("zmq_setsockopt " + std::to_string(option));
    }
}

void NetSocket::set(int option, std::int64_t value) {
    if (zmq_setsockopt(socket_, option, &value, sizeof value) != 0) {
        throw_zmq("zmq_setsockopt " + std::to_string(option));
    }
}

void NetSocket::set_bytes(int option, const std::string& value) {
    if (zmq_setsockopt(socket_, option, value.data(), value.size()) != 0) {
        throw_zmq("zmq_setsockopt " + std::to_string(option));
    }
}

void NetSocket::secure(const SenderKeys& keys) {
    static_cast<void>(public_key_of(keys.secret));  // refuses what is no key, in words
    gatekeeper_ = std::make_unique<Gatekeeper>(context_, keys.receivers);
    set(ZMQ_CURVE_SERVER, 1);
    set_bytes(ZMQ_CURVE_SECRETKEY, keys.secret);
    set_bytes(ZMQ_ZAP_DOMAIN, "framehop");
}

void NetSocket::secure(const ReceiverKeys& keys) {
    set_bytes(ZMQ_CURVE_PUBLICKEY, public_key_of(keys.secret));
    set_bytes(ZMQ_CURVE_SECRETKEY, keys.secret);
    if (keys.sender.size() != 40) {
        throw Error(Errc::invalid_argument, "the sender's public key has 40 characters of Z85");
    }
    set_bytes(ZMQ_CURVE_SERVERKEY, keys.sender);
}

void NetSocket::bind(std::size_t most, Allowance allowance) {
    if (address_.starts_with(kIpc)) {
        bind_file(most);
    } else {
        bind_port(most);
    }
    connections_.emplace(std::string(place_of(address_)), Place::ours, most, Last::stays);
    is_bound_ = true;
    allowance_ = allowance;
}

void NetSocket::bind_port(std::size_t most) {
    need_descriptors(most, "serving frames");
    if (zmq_bind(socket_, address_.c_str()) != 0) throw_zmq("zmq_bind " + address_);
    std::array<char, 256> bound{};
    std::size_t bytes = bound.size();
    if (zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, bound.data(), &bytes) == 0) address_ = bound.data();
}

// Here libzmq would abort the process if strangers took its last descriptor, so there have to be as many as can come
// unnoticed.
void NetSocket::bind_file(std::size_t most) {
    const std::string path(place_of(address_));
    shm::check_private_directory(path);
    reserve_descriptors(SocketEvents::kMost + most, "serving frames over ipc://");
    if (zmq_bind(socket_, address_.c_str()) != 0) throw_zmq("zmq_bind " + address_);
    file_.own(path);
}

void NetSocket::connect(Allowance allowance) {
    connections_.emplace(std::string(place_of(address_)), Place::theirs, kConnectionsOfOne);
    allowance_ = allowance;
    if (zmq_connect(socket_, address_.c_str()) != 0) throw_zmq("zmq_connect " + address_);
}

void NetSocket::end(const ConnectionId& connection) {
    if (connections_) connections_->end(connection);
}

void NetSocket::connect_anew() {
    looked_ = false;  // as when something is sent
    if (zmq_disconnect(socket_, address_.c_str()) != 0 && errno != ENOENT) throw_zmq("zmq_disconnect " + address_);
    if (zmq_connect(socket_, address_.c_str()) != 0) throw_zmq("zmq_connect " + address_);
}

bool NetSocket::wait(std::chrono::nanoseconds timeout, std::span<const int> fds, std::vector<int>& readable) {
    owner_.check();
    const bool more = !looked_ || events_came_;
    std::vector<pollfd> own{pollfd_of(descriptor_of(socket_)), pollfd_of(events_->fd())};
    if (gatekeeper_) own.push_back(pollfd_of(descriptor_of(gatekeeper_->socket())));
    const Woke woke = wait_for(own, fds, more ? std::chrono::nanoseconds(0) : timeout, readable);
    if (own[0].revents != 0) looked_ = false;
    if (own[1].revents != 0) events_came_ = true;
    return more || woke == Woke::event || woke == Woke::wake_fd;
}

std::uint64_t NetSocket::attend(std::vector<std::string>& notes) {
    owner_.check();  // in a forked child libzmq calls every receive interrupted, for ever
    std::vector<std::string> found = answer_all();
    std::uint64_t failures = 0;
    const auto now = Connections::Clock::now();
    for (int i = 0; i < kMaxMessagesPerPoll && events_came_; ++i) {
        const auto event = events_->try_next();
        events_came_ = event.has_value();
        if (!event) break;
        if ((event->kind & kFailures) != 0) {
            ++failures;
            found.push_back(describe(*event));
        } else if ((event->kind & kBeginnings) != 0 && connections_ &&
                   !connections_->begun(static_cast<int>(event->value), now)) {
            found.emplace_back("cut off a connection: there are too many");
        }
    }
    std::erase(found, "");
    of_handshakes_.pass(std::move(found), notes);
    return failures;
}

// Returns a few words on each who was refused.
std::vector<std::string> NetSocket::answer_all() {
    std::vector<std::string> notes;
    std::string refused;
    for (int i = 0; gatekeeper_ && i < kMaxMessagesPerPoll && gatekeeper_->answer(refused); ++i) {
        if (!refused.empty())
            notes.push_back(refused + " was refused: its key is not among those that this sender was given");
        refused.clear();
    }
    return notes;
}

void NetSocket::end_excess(std::vector<std::string>& notes) {
    const auto now = Connections::Clock::now();
    if (!connections_ || now < next_look_) return;
    next_look_ = now + kLook;
    of_excess_.pass(connections_->end_excess(allowance_, now), notes);
}

namespace {

// Returns what a failed handshake means. `detail`: libzmq's, of that kind.
std::string meaning(std::uint16_t event, std::uint32_t detail) {
    switch (event) {
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return detail == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
                       ? "one end has keys and the other has none"
                       : "the keys of the two ends do not belong together, or the other end is no framehop";
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            return "the other end refused the key";
        default:
            return std::string("the connection broke off: ") + zmq_strerror(static_cast<int>(detail));
    }
}

}  // namespace

std::string NetSocket::describe(const SocketEvent& failure) const {
    if (gatekeeper_ && failure.kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return "";
    return "no connection at " + address_ + ": " + meaning(failure.kind, failure.value);
}

std::optional<Parts> NetSocket::try_receive() {
    owner_.check();
    if (looked_) return std::nullopt;
    Parts parts;
    for (bool more = true; more; ++parts.count) {
        const auto part = std::make_shared<Part>();
        if (!part->receive_from(socket_)) {
            looked_ = parts.count == 0;
            if (looked_) return std::nullopt;
            throw_zmq("zmq_msg_recv of a further part");
        }
        more = part->has_more();
        if (parts.count < Parts::kMost) parts.kept.push_back(part);
    }
    if (connections_) connections_->heard(parts.kept.back()->raw());
    return parts;
}

namespace {

// Calls `send` until no signal interrupts it: a message must not end between two of its parts.
template <class Send>
Sent sent(Send send) {
    int result = send();
    while (result < 0 && errno == EINTR) result = send();
    if (result >= 0) return Sent::yes;
    if (errno == EAGAIN) return Sent::full;
    if (errno == EHOSTUNREACH) return Sent::unreachable;
    throw_zmq("zmq_send");
}

int flags(bool more) noexcept { return ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0); }

}  // namespace

Sent NetSocket::try_send(wire::Bytes part, bool more) {
    owner_.check();
    looked_ = false;  // libzmq may take notice of a message as it sends, and its descriptor then no longer shows it
    return sent([&] { return zmq_send(socket_, part.data(), part.size(), flags(more)); });
}

Sent NetSocket::try_send(zmq_msg_t* message, bool more) {
    owner_.check();
    looked_ = false;  // likewise
    return sent([&] { return zmq_msg_send(message, socket_, flags(more)); });
}

}  // namespace framehop::hop
