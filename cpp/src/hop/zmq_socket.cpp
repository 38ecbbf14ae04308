#include "zmq_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
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
// A bound socket takes one more for each peer, strangers too, for as long as it is bound.
constexpr std::size_t kDescriptorsForPeers = 64;
constexpr const char* kEventsAddress = "inproc://connection";  // the context holds one socket only

constexpr std::string_view kScheme = "ipc://";

void check_address(std::string_view address) {
    const bool is_ipc = address.starts_with(kScheme) && address.size() > kScheme.size();
    // '*' asks libzmq for a path of its own choosing, '@' for the abstract namespace, which has no owner.
    if (!is_ipc || address[kScheme.size()] == '*' || address[kScheme.size()] == '@') {
        throw Error(Errc::invalid_argument,
                    "the hop's address must be ipc:// and the path of a socket: " + std::string(address));
    }
}

std::vector<zmq_pollitem_t> poll_items(void* socket, void* events, std::span<const int> fds) {
    std::vector<zmq_pollitem_t> items{{socket, 0, ZMQ_POLLIN, 0}};
    if (events != nullptr) items.push_back({events, 0, ZMQ_POLLIN, 0});
    for (const int fd : fds) items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
    return items;
}

// libzmq aborts the process when it gets no descriptor, so they are counted first.
void* new_context() {
    need_descriptors(kDescriptors, "the hop's socket");
    void* context = zmq_ctx_new();
    if (context == nullptr) throw_zmq("zmq_ctx_new");
    return context;
}

}  // namespace

ZmqSocket::ZmqSocket(int socket_type, std::int64_t max_message_bytes)
    : owner_pid_(::getpid()), context_(new_context()) {
    try {
        socket_ = zmq_socket(context_, socket_type);
        if (socket_ == nullptr) throw_zmq("zmq_socket");
        for (const auto& [option, value] : kOptions) set_option(option, value);
        if (socket_type == ZMQ_ROUTER) set_option(ZMQ_ROUTER_MANDATORY, 1);
        set_option(ZMQ_MAXMSGSIZE, max_message_bytes);
    } catch (...) {
        close();
        throw;
    }
}

ZmqSocket::~ZmqSocket() { close(); }

void ZmqSocket::close() noexcept {
    // A forked child has no libzmq threads that could answer, so terminating would wait for ever; and the socket file
    // is the parent's.
    if (::getpid() != owner_pid_) return;
    file_.remove();
    if (events_ != nullptr) zmq_close(events_);
    if (socket_ != nullptr) zmq_close(socket_);
    while (zmq_ctx_term(context_) != 0 && errno == EINTR) {
    }
}

void ZmqSocket::check_owner() const {
    if (::getpid() == owner_pid_) return;
    throw Error(Errc::closed, "this end of the hop belongs to process " + std::to_string(owner_pid_) +
                                  ": a forked child must open its own");
}

template <class Value>
void ZmqSocket::set_option(int option, Value value) {
    if (zmq_setsockopt(socket_, option, &value, sizeof value) != 0) {
        throw_zmq("zmq_setsockopt " + std::to_string(option));
    }
}

void ZmqSocket::bind(const std::string& address) {
    check_address(address);
    need_descriptors(kDescriptorsForPeers, "serving the hop");
    if (zmq_bind(socket_, address.c_str()) != 0) throw_zmq("zmq_bind " + address);
    file_.own(address.substr(kScheme.size()));
}

void ZmqSocket::connect(const std::string& address) {
    check_address(address);
    if (zmq_connect(socket_, address.c_str()) != 0) throw_zmq("zmq_connect " + address);
}

void ZmqSocket::watch_connection() {
    if (zmq_socket_monitor(socket_, kEventsAddress, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0) {
        throw_zmq("zmq_socket_monitor");
    }
    events_ = zmq_socket(context_, ZMQ_PAIR);
    if (events_ == nullptr) throw_zmq("zmq_socket(ZMQ_PAIR)");
    if (zmq_connect(events_, kEventsAddress) != 0) throw_zmq("zmq_connect(connection events)");
}

bool ZmqSocket::wait(std::chrono::nanoseconds timeout, std::span<const int> fds, std::vector<int>& readable) {
    check_owner();
    // Use zmq_poll on the socket itself: its descriptor (ZMQ_FD) is edge-triggered and does not show messages at hand.
    std::vector<zmq_pollitem_t> items = poll_items(socket_, events_, fds);
    const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), poll_milliseconds(timeout));
    if (ready < 0 && errno != EINTR) throw_zmq("zmq_poll");
    if (ready <= 0) return false;
    for (const zmq_pollitem_t& item : items) {
        // Any revents count, not only POLLIN: after a hang-up there is the end of file to read.
        if (item.socket == nullptr && item.revents != 0) readable.push_back(item.fd);
    }
    return true;
}

bool ZmqSocket::try_receive(Incoming& message) {
    check_owner();
    if (zmq_msg_recv(message.first.raw(), socket_, ZMQ_DONTWAIT) < 0) {
        if (errno == EAGAIN || errno == EINTR) return false;
        throw_zmq("zmq_msg_recv");
    }
    message.parts = 1;
    // The parts of one message arrive together, so none of these waits.
    for (bool more = message.first.has_more(); more; ++message.parts) {
        Part beyond;
        Part& part = message.parts == 1 ? message.second : beyond;
        if (zmq_msg_recv(part.raw(), socket_, ZMQ_DONTWAIT) < 0) throw_zmq("zmq_msg_recv of a further part");
        more = part.has_more();
    }
    return true;
}

std::optional<ConnectionEvent> ZmqSocket::try_next_event() {
    check_owner();
    Part event;
    Part address;
    if (zmq_msg_recv(event.raw(), events_, ZMQ_DONTWAIT) < 0) return std::nullopt;
    zmq_msg_recv(address.raw(), events_, ZMQ_DONTWAIT);
    std::uint16_t number = 0;  // libzmq's event, in host order; 32 bits of value follow
    std::memcpy(&number, event.bytes().data(), sizeof number);
    return number == ZMQ_EVENT_DISCONNECTED ? ConnectionEvent::ended : ConnectionEvent::ready;
}

namespace {

// Whether the descriptor is a Unix socket that was accepted at `path`: its number may be another file's by now.
bool was_accepted_at(int fd, const std::string& path) noexcept {
    sockaddr_un name{};
    socklen_t bytes = sizeof name;
    return ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &bytes) == 0 && name.sun_family == AF_UNIX &&
           path == std::string_view(name.sun_path, ::strnlen(name.sun_path, sizeof name.sun_path));
}

}  // namespace

// libzmq has no call for this. Its thread finds the end of the stream and does the rest.
void ZmqSocket::end_sender(Incoming& message) noexcept {
    const char* text = zmq_msg_gets(message.second.raw(), "__fd");
    int fd = -1;
    if (text == nullptr || std::from_chars(text, text + std::strlen(text), fd).ec != std::errc()) return;
    if (was_accepted_at(fd, file_.path())) ::shutdown(fd, SHUT_RDWR);
}

Sent ZmqSocket::try_send(wire::Bytes part, bool more) {
    check_owner();
    const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    for (;;) {
        if (zmq_send(socket_, part.data(), part.size(), flags) >= 0) return Sent::yes;
        if (errno == EAGAIN) return Sent::full;
        if (errno == EHOSTUNREACH) return Sent::unreachable;
        if (errno != EINTR) throw_zmq("zmq_send");
    }
}

}  // namespace framehop::hop
