#include "net_socket.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "zmq_call.hpp"

namespace framehop::hop {
namespace {

constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kTcp = "tcp://";
constexpr const char* kEventsAddress = "inproc://handshakes";
constexpr int kFailures =
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
constexpr std::size_t kMaxNotes = 8;  // a stranger must not fill the log
// As in zmq_socket.cpp: libzmq aborts the process when it finds no descriptor left.
constexpr std::size_t kDescriptors = 24;
constexpr std::size_t kDescriptorsForPeers = 64;
constexpr std::pair<int, int> kOptions[] = {
    {ZMQ_LINGER, 0},          {ZMQ_HEARTBEAT_IVL, 1000},     {ZMQ_HEARTBEAT_TIMEOUT, 5000},
    {ZMQ_RECONNECT_IVL, 100}, {ZMQ_RECONNECT_IVL_MAX, 2000}, {ZMQ_HANDSHAKE_IVL, 5000},
};

// Whether the host is a name, or an address of IPv6; libzmq would write those of IPv4 as such ones.
bool may_be_ipv6(const std::string& address) noexcept {
    const std::string_view place = std::string_view(address).substr(kTcp.size());
    const std::string_view host = place.substr(0, place.rfind(':'));
    return host.find_first_not_of("0123456789.*") != std::string_view::npos;
}

void check_address(const std::string& address, bool has_keys, bool insecure) {
    const bool tcp = address.starts_with(kTcp) && address.size() > kTcp.size();
    const bool ipc = address.starts_with(kIpc) && address.size() > kIpc.size() && address[kIpc.size()] != '*' &&
                     address[kIpc.size()] != '@';
    if (!tcp && !ipc) {
        throw Error(Errc::invalid_argument,
                    "frames go over tcp://HOST:PORT, or over ipc:// and the path of a socket: " + address);
    }
    if (tcp && !has_keys && !insecure) {
        throw Error(Errc::refused, "frames go over " + address +
                                       " with keys only: make them by framehop keys create DIR, or say insecure if "
                                       "everybody on that network may see the pictures");
    }
}

void* new_context() {
    need_descriptors(kDescriptors, "a socket for frames");
    void* context = zmq_ctx_new();
    if (context == nullptr) throw_zmq("zmq_ctx_new");
    return context;
}

// Returns the address, once it is seen to be one.
std::string checked_address(std::string address, bool has_keys, bool insecure) {
    check_address(address, has_keys, insecure);
    return address;
}

}  // namespace

NetSocket::NetSocket(int type, const std::string& address, bool has_keys, bool insecure)
    : owner_pid_(::getpid()), address_(checked_address(address, has_keys, insecure)), context_(new_context()) {
    try {
        socket_ = zmq_socket(context_, type);
        if (socket_ == nullptr) throw_zmq("zmq_socket");
        for (const auto& [option, value] : kOptions) set(option, value);
        set(ZMQ_IPV6, address.starts_with(kTcp) && may_be_ipv6(address) ? 1 : 0);
        watch_handshakes();
    } catch (...) {
        close();
        throw;
    }
}

NetSocket::~NetSocket() { close(); }

void NetSocket::close() noexcept {
    if (!ours()) {
        static_cast<void>(gatekeeper_.release());  // its socket is the parent's, too
        return;
    }
    file_.remove();
    if (events_ != nullptr) zmq_close(events_);
    if (socket_ != nullptr) zmq_close(socket_);
    gatekeeper_.reset();  // after the socket: without a gatekeeper, libzmq lets in whoever has any key
    while (zmq_ctx_term(context_) != 0 && errno == EINTR) {
    }
}

bool NetSocket::ours() const noexcept { return ::getpid() == owner_pid_; }

void NetSocket::check_owner() const {
    if (ours()) return;
    throw Error(Errc::closed, "this socket for frames belongs to process " + std::to_string(owner_pid_) +
                                  ": a forked child must open its own");
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

void NetSocket::bind() {
    need_descriptors(kDescriptorsForPeers, "serving frames");
    if (zmq_bind(socket_, address_.c_str()) != 0) throw_zmq("zmq_bind " + address_);
    if (address_.starts_with(kIpc)) return file_.own(address_.substr(kIpc.size()));
    std::array<char, 256> bound{};
    std::size_t bytes = bound.size();
    if (zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, bound.data(), &bytes) == 0) address_ = bound.data();
}

void NetSocket::connect() {
    if (zmq_connect(socket_, address_.c_str()) != 0) throw_zmq("zmq_connect " + address_);
}

void NetSocket::connect_anew() {
    if (zmq_disconnect(socket_, address_.c_str()) != 0 && errno != ENOENT) throw_zmq("zmq_disconnect " + address_);
    connect();
}

void NetSocket::watch_handshakes() {
    if (zmq_socket_monitor(socket_, kEventsAddress, kFailures) != 0) throw_zmq("zmq_socket_monitor");
    events_ = zmq_socket(context_, ZMQ_PAIR);
    if (events_ == nullptr) throw_zmq("zmq_socket(ZMQ_PAIR)");
    if (zmq_connect(events_, kEventsAddress) != 0) throw_zmq("zmq_connect(handshakes)");
}

bool NetSocket::wait(std::chrono::nanoseconds timeout, std::span<const int> fds, std::vector<int>& readable) {
    check_owner();
    std::vector<zmq_pollitem_t> items{{socket_, 0, ZMQ_POLLIN, 0}, {events_, 0, ZMQ_POLLIN, 0}};
    if (gatekeeper_) items.push_back({gatekeeper_->socket(), 0, ZMQ_POLLIN, 0});
    for (const int fd : fds) items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
    const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), poll_milliseconds(timeout));
    if (ready < 0 && errno != EINTR) throw_zmq("zmq_poll");
    if (ready <= 0) return false;
    for (const zmq_pollitem_t& item : items) {
        if (item.socket == nullptr && item.revents != 0) readable.push_back(item.fd);
    }
    return true;
}

std::uint64_t NetSocket::attend(std::vector<std::string>& notes) {
    check_owner();  // in a forked child libzmq calls every receive interrupted, for ever
    const auto note = [&notes](const std::string& text) {
        if (notes.size() < kMaxNotes) notes.push_back(text);
    };
    std::string refused;
    for (std::size_t i = 0; gatekeeper_ && i < kMaxNotes && gatekeeper_->answer(refused); ++i) {
        if (!refused.empty()) note(refused + " was refused: its key is not among those that this sender was given");
        refused.clear();
    }
    std::uint64_t failures = 0;
    while (const auto failure = try_next_failure()) {
        ++failures;
        if (!failure->empty()) note(*failure);
    }
    return failures;
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

std::optional<std::string> NetSocket::try_next_failure() {
    Part event;
    Part address;
    if (!event.receive_from(events_) || !address.receive_from(events_)) return std::nullopt;
    std::uint16_t number = 0;  // libzmq's event, in host order, then 32 bits of detail
    std::uint32_t detail = 0;
    std::memcpy(&number, event.bytes().data(), sizeof number);
    std::memcpy(&detail, event.bytes().data() + sizeof number, sizeof detail);
    if (gatekeeper_ && number == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return "";  // the gatekeeper said who it was
    return "no connection at " + address_ + ": " + meaning(number, detail);
}

std::optional<Parts> NetSocket::try_receive() {
    check_owner();
    Parts parts;
    for (bool more = true; more; ++parts.count) {
        const auto part = std::make_shared<Part>();
        if (!part->receive_from(socket_)) {
            if (parts.count == 0) return std::nullopt;
            throw_zmq("zmq_msg_recv of a further part");
        }
        more = part->has_more();
        if (parts.count < Parts::kMost) parts.kept.push_back(part);
    }
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
    check_owner();
    return sent([&] { return zmq_send(socket_, part.data(), part.size(), flags(more)); });
}

Sent NetSocket::try_send(zmq_msg_t* message, bool more) {
    check_owner();
    return sent([&] { return zmq_msg_send(message, socket_, flags(more)); });
}

}  // namespace framehop::hop
