#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "shm_link.hpp"

namespace framehop::hop {
namespace {

constexpr std::chrono::milliseconds kTryAgain{20};
// After somebody was there and is no server of ours, perhaps for good: each introduction takes and clears the memory.
constexpr std::chrono::milliseconds kAfterRefusal{500};
constexpr std::size_t kDescriptors = 9;  // two bells, epoll, socket, memory, process, and some to spare
// The socket, the memory, the server's process; its bell comes when the memory's descriptor is closed.
constexpr std::size_t kForIntroduction = 3;

// Looks ahead, as a client without descriptors would only find nobody, for ever.
UniqueFd first_bell() {
    need_descriptors(kDescriptors, "the hop's socket");
    return make_bell();
}

}  // namespace

ShmClientLink::ShmClientLink(std::string path) : path_(std::move(path)), bell_(first_bell()), watch_(bell_) {}

ShmClientLink::~ShmClientLink() {
    if (owner_.is_us()) part();
}

// Calls shutdown before close, as a forked child may hold a copy of the descriptor.
void ShmClientLink::part() noexcept {
    if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
    socket_.reset();
    server_process_.reset();
}

Connection ShmClientLink::connection() {
    owner_.check();
    return connection_;
}

// One step on the way to the server.
void ShmClientLink::advance() {
    if (connection_ != Connection::pending) return;
    if (!socket_ && Clock::now() >= next_try_) introduce();
    if (socket_) hear();
}

// Nobody there, or somebody else, is no error: the server may come yet. A lack of memory or descriptors is one, and
// leaves no connection without a channel behind, so that the next step begins anew.
void ShmClientLink::introduce() {
    next_try_ = Clock::now() + kTryAgain;
    need_descriptors(kForIntroduction, "the way to a detector");
    UniqueFd socket;
    try {
        socket = shm::connect_to(path_);
    } catch (const Error&) {
        return;
    }
    const UniqueFd memory = make_channel_memory();
    channel_.emplace(memory.get(), Side::worker);
    for (const wire::Buffer& message : unconfirmed_) static_cast<void>(channel_->out.try_push(message));
    const auto peer = shm::peer_of(socket.get());
    UniqueFd process = peer ? shm::peer_pidfd(socket.get(), peer->pid) : UniqueFd();
    if (!process) return;
    Watched watched_process(watch_, std::move(process));
    Watched watched_socket(watch_, std::move(socket));
    const Handshake handshake;
    const std::array fds{memory.get(), bell_.get()};
    if (!shm::try_send(watched_socket.get(), std::as_bytes(std::span(&handshake, 1)), fds)) return;
    server_process_ = std::move(watched_process);
    socket_ = std::move(watched_socket);
}

void ShmClientLink::hear() {
    if (!is_readable(socket_.get()) && !is_readable(server_process_.get())) return;
    Handshake answer;
    auto received = shm::try_receive(socket_.get(), std::as_writable_bytes(std::span(&answer, 1)));
    const bool welcomes = received && received->bytes == sizeof answer && answer.magic == kChannelMagic &&
                          answer.version == kChannelVersion && received->fds.size() == 1 &&
                          is_bell(received->fds.front().get());
    if (connection_ == Connection::pending && welcomes) return welcome(std::move(received->fds.front()));
    // There is nothing else to hear but the end. Before the welcome somebody else may be the server.
    if (connection_ == Connection::connected) connection_ = Connection::lost;
    next_try_ = Clock::now() + kAfterRefusal;
    part();
}

void ShmClientLink::welcome(UniqueFd server_bell) {
    connection_ = Connection::connected;
    server_bell_ = std::move(server_bell);
    unconfirmed_.clear();
    ring(server_bell_);  // for what was sent since the introduction
}

Sent ShmClientLink::try_send(wire::Bytes message) {
    owner_.check();
    advance();
    if (connection_ == Connection::lost) return Sent::unreachable;
    if (connection_ == Connection::pending) return queue(message);
    if (!channel_->out.try_push(message)) return Sent::full;
    if (channel_->out.reader_sleeps()) ring(server_bell_);
    return Sent::yes;
}

Sent ShmClientLink::queue(wire::Bytes message) {
    // Half of what the memory holds, so that all of it fits together with the lengths.
    if (unconfirmed_bytes_ + message.size() + sizeof(std::uint64_t) * 2 > kToDetectorBytes / 2) return Sent::full;
    unconfirmed_.emplace_back(message.begin(), message.end());
    unconfirmed_bytes_ += message.size() + sizeof(std::uint64_t) * 2;
    if (socket_) static_cast<void>(channel_->out.try_push(message));
    return Sent::yes;
}

bool ShmClientLink::has_message() const noexcept {
    return connection_ != Connection::pending && channel_ && !channel_->in.empty();
}

Received ShmClientLink::try_receive(Message& message) {
    owner_.check();
    if (connection_ == Connection::pending || !channel_) return Received::nothing;
    switch (channel_->in.try_pop(received_)) {
        case Popped::message:
            message = {.peer = {}, .bytes = received_};
            return Received::message;
        case Popped::nothing:
            return Received::nothing;
        case Popped::broken:
            break;
    }
    channel_.reset();
    connection_ = Connection::lost;
    part();
    return Received::malformed;
}

bool ShmClientLink::wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, std::vector<int>& readable) {
    owner_.check();
    const auto deadline = Clock::now() + timeout;
    for (;;) {
        const Connection before = connection_;
        advance();
        std::chrono::nanoseconds left = std::max(deadline - Clock::now(), Clock::duration::zero());
        if (connection_ == Connection::pending) left = std::min<std::chrono::nanoseconds>(left, kTryAgain);
        // Say that we sleep before the last look at the queue: see shm_queue.cpp.
        if (channel_) channel_->in.say_asleep(true);
        const bool something = has_message() || connection_ != before;
        const Woke woke = watch_.wait(something ? std::chrono::nanoseconds(0) : left, wake_fds, readable);
        if (channel_) channel_->in.say_asleep(false);
        if (socket_ && watch_.others_ready()) hear();
        if (something || woke == Woke::wake_fd || (woke == Woke::event && (has_message() || connection_ != before)) ||
            !readable.empty()) {
            return true;
        }
        if (woke == Woke::signal || Clock::now() >= deadline) return false;
    }
}

}  // namespace framehop::hop
