#include "zmq_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "connection_id.hpp"
#include "drain.hpp"
#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "framehop/shm/local_socket.hpp"
#include "parting.hpp"
#include "shm_wait.hpp"
#include "zmq_call.hpp"

namespace framehop::hop {
namespace {

constexpr int kHeartbeatMs = 1000;
constexpr int kSilenceMs = 3000;  // three heartbeats, after which a stopped peer's connection ends
constexpr int kReconnectMs = 20;
constexpr int kReconnectMaxMs = 1000;
// Messages per peer: four times what credits allow, so that credits decide, but still a bound if a peer ignores them.
constexpr int kHighWater = 4 * static_cast<int>(wire::kMaxDescriptors);
constexpr std::pair<int, int> kOptions[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_SNDHWM, kHighWater},
    {ZMQ_RCVHWM, kHighWater},
    {ZMQ_HEARTBEAT_IVL, kHeartbeatMs},
    {ZMQ_HEARTBEAT_TIMEOUT, kSilenceMs},
    {ZMQ_RECONNECT_IVL, kReconnectMs},
    {ZMQ_RECONNECT_IVL_MAX, kReconnectMaxMs},
};
// A context takes five descriptors, a socket one, the events of a connection two, and the connection one. libzmq aborts
// the process when it gets none, also in the middle of its work.
constexpr std::size_t kDescriptors = 16;
// A bound socket takes one more for each peer. No more peers than these are kept, strangers among them.
constexpr std::size_t kPeers = 128;

constexpr std::string_view kScheme = "ipc://";

void check_address(std::string_view address) {
    const bool is_ipc = address.starts_with(kScheme) && address.size() > kScheme.size();
    // '*' asks libzmq for a path of its own choosing, '@' for the abstract namespace, which has no owner.
    if (!is_ipc || address[kScheme.size()] == '*' || address[kScheme.size()] == '@') {
        throw Error(Errc::invalid_argument,
                    "the hop's address must be ipc:// and the path of a socket: " + std::string(address));
    }
}

// libzmq aborts the process when it gets no descriptor, so they are counted first.
void* new_context() {
    need_descriptors(kDescriptors, "the hop's socket");
    void* context = zmq_ctx_new();
    if (context == nullptr) throw_zmq("zmq_ctx_new");
    return context;
}

}  // namespace

ZmqSocket::ZmqSocket(int socket_type, std::int64_t max_message_bytes) : context_(new_context()) {
    try {
        socket_ = zmq_socket(context_, socket_type);
        if (socket_ == nullptr) throw_zmq("zmq_socket");
        for (const auto& [option, value] : kOptions) set_option(option, value);
        if (socket_type == ZMQ_ROUTER) set_option(ZMQ_ROUTER_MANDATORY, 1);
        set_option(ZMQ_MAXMSGSIZE, max_message_bytes);
        socket_fd_ = descriptor_of(socket_);
    } catch (...) {
        close();
        throw;
    }
}

ZmqSocket::~ZmqSocket() { close(); }

void ZmqSocket::close() noexcept {
    // A forked child has no libzmq threads that could answer, so terminating would wait for ever; and the socket file
    // is the parent's.
    if (!owner_.is_us()) {
        static_cast<void>(events_.release());
        return;
    }
    file_.remove();
    if (connections_) part(*events_, *connections_, [] {});
    if (socket_ != nullptr) zmq_close(socket_);
    events_.reset();  // after the socket, as it says
    while (zmq_ctx_term(context_) != 0 && errno == EINTR) {
    }
}

template <class Value>
void ZmqSocket::set_option(int option, Value value) {
    if (zmq_setsockopt(socket_, option, &value, sizeof value) != 0) {
        throw_zmq("zmq_setsockopt " + std::to_string(option));
    }
}

void ZmqSocket::bind(const std::string& address) {
    check_address(address);
    const std::string path = address.substr(kScheme.size());
    shm::check_private_directory(path);
    reserve_descriptors(SocketEvents::kMost + kPeers, "serving the hop over ipc://");
    watch(ZMQ_EVENT_ACCEPTED);
    if (zmq_bind(socket_, address.c_str()) != 0) throw_zmq("zmq_bind " + address);
    file_.own(path);
    connections_.emplace(path, Place::ours, kPeers);
}

void ZmqSocket::connect(const std::string& address) {
    check_address(address);
    if (zmq_connect(socket_, address.c_str()) != 0) throw_zmq("zmq_connect " + address);
}

void ZmqSocket::watch_connection() { watch(ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED); }

void ZmqSocket::watch(int kinds) {
    events_ = std::make_unique<SocketEvents>(context_, socket_, kinds);
    events_came_ = true;  // those before this line
}

std::vector<pollfd> ZmqSocket::watched() const {
    // poll(2) ignores what is not there, as its descriptor is negative.
    const int events_fd = events_ ? events_->fd() : -1;
    return {{.fd = socket_fd_, .events = POLLIN, .revents = 0}, {.fd = events_fd, .events = POLLIN, .revents = 0}};
}

bool ZmqSocket::wait(std::chrono::nanoseconds timeout, std::span<const int> fds, std::vector<int>& readable) {
    using Clock = std::chrono::steady_clock;
    owner_.check();
    const auto deadline = Clock::now() + timeout;
    bool more = end_excess();
    const bool something = take_ahead();
    if (something && fds.empty()) return true;
    for (std::chrono::nanoseconds left = something || more ? std::chrono::nanoseconds(0) : timeout;;) {
        std::vector<pollfd> own = watched();
        const Woke woke = wait_for(own, fds, left, readable);
        events_came_ = events_came_ || own[1].revents != 0;
        if (own[0].revents != 0) looked_ = false;
        more = end_excess();
        const bool told = own[1].revents != 0 && !connections_;
        if (something || take_ahead() || told || !readable.empty()) return true;
        left = std::max(deadline - Clock::now(), Clock::duration::zero());
        if (woke == Woke::signal || left == std::chrono::nanoseconds(0)) return false;
        if (more) left = std::chrono::nanoseconds(0);
    }
}

// Takes the next message for the next try_receive, unless one waits for it already.
bool ZmqSocket::take_ahead() {
    taken_ahead_ = taken_ahead_ || take();
    return taken_ahead_;
}

Incoming* ZmqSocket::try_receive() {
    owner_.check();
    if (!take_ahead()) return nullptr;
    taken_ahead_ = false;
    return &incoming_;
}

bool ZmqSocket::take() {
    if (looked_) return false;
    if (!incoming_.first.receive_from(socket_)) {
        looked_ = true;
        return false;
    }
    incoming_.parts = 1;
    // The parts of one message arrive together, so none of these waits.
    for (bool more = incoming_.first.has_more(); more; ++incoming_.parts) {
        Part beyond;
        Part& part = incoming_.parts == 1 ? incoming_.second : beyond;
        if (!part.receive_from(socket_)) throw_zmq("zmq_msg_recv of a further part");
        more = part.has_more();
    }
    return true;
}

std::optional<ConnectionEvent> ZmqSocket::try_next_event() {
    owner_.check();
    if (!events_came_) return std::nullopt;
    const auto event = events_->try_next();
    events_came_ = event.has_value();
    if (!event) return std::nullopt;
    return event->kind == ZMQ_EVENT_DISCONNECTED ? ConnectionEvent::ended : ConnectionEvent::ready;
}

// Libzmq's thread stands still while too many of its events wait, so that all of them are taken here in the end.
// Returns whether there may be more: a wait must end, however fast strangers come.
bool ZmqSocket::end_excess() {
    for (int i = 0; connections_ && events_came_; ++i) {
        if (i == kMaxMessagesPerPoll) return true;
        const auto event = events_->try_next();
        events_came_ = event.has_value();
        if (!event) return false;
        static_cast<void>(connections_->begun(static_cast<int>(event->value), Connections::Clock::now()));
    }
    return false;
}

namespace {

// Calls `send` until no signal interrupts it.
template <class Send>
Sent sent(Send send) {
    for (;;) {
        if (send() >= 0) return Sent::yes;
        if (errno == EAGAIN) return Sent::full;
        if (errno == EHOSTUNREACH) return Sent::unreachable;
        if (errno != EINTR) throw_zmq("zmq_send");
    }
}

}  // namespace

Sent ZmqSocket::try_send(wire::Bytes part, bool more) {
    owner_.check();
    looked_ = false;  // libzmq may take notice of a message as it sends, and its descriptor then no longer shows it
    const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    return sent([&] { return zmq_send(socket_, part.data(), part.size(), flags); });
}

Sent ZmqSocket::try_send(zmq_msg_t* message) {
    owner_.check();
    looked_ = false;  // likewise
    return sent([&] { return zmq_msg_send(message, socket_, ZMQ_DONTWAIT); });
}

}  // namespace framehop::hop
