#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <span>
#include <utility>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "shm_link.hpp"

namespace framehop::hop {
namespace {

constexpr std::size_t kMostStrangers = 16;
// As many as over ZeroMQ: each takes three descriptors and 32 MiB of addresses.
constexpr std::size_t kMostWorkers = 128;
constexpr std::chrono::milliseconds kShutFor{200};

bool introduces(const shm::Received& received, const Handshake& said) noexcept {
    return received.bytes == sizeof said && !received.truncated && said.magic == kChannelMagic &&
           said.version == kChannelVersion && received.fds.size() == 2 && is_bell(received.fds[1].get());
}

}  // namespace

ShmServerLink::ShmServerLink(const std::string& path)
    : listener_(path), bell_(make_bell()), watch_(bell_), forks_(*this) {
    watch_.add(listener_.fd());
}

ShmServerLink::~ShmServerLink() {
    if (!owner_.is_us()) return;
    for (const auto& worker : workers_) part(*worker);
}

// Calls shutdown before close, as a forked child may hold a copy of the descriptor.
void ShmServerLink::part(Worker& worker) noexcept {
    ::shutdown(worker.socket.get(), SHUT_RDWR);
    worker.socket.reset();
    worker.process.reset();
    worker.gone = true;
}

void ShmServerLink::look_around() {
    for (const auto& worker : workers_) {
        // A worker says nothing more on its socket, so whatever there is to read is its end.
        if (!worker->gone && (is_readable(worker->socket.get()) || is_readable(worker->process.get()))) part(*worker);
    }
    std::erase_if(workers_, [](const auto& worker) { return worker->gone && worker->channel.in.empty(); });
    hear_strangers();  // before they have to make room for others
    accept_some();
    hear_strangers();
}

// Those beyond are accepted at the next look, which comes at once: a look must end, however fast strangers come, and
// hear each of those that it accepts.
void ShmServerLink::accept_some() {
    if (shut_until_) return;
    for (std::size_t i = 0; i < kMostStrangers; ++i) {
        UniqueFd stranger = listener_.try_accept();
        if (!stranger) {
            if (is_out_of_descriptors(errno)) shut();
            return;
        }
        // The oldest had the most time: an honest one introduces itself as it connects.
        if (strangers_.size() == kMostStrangers) strangers_.pop_front();
        try {
            strangers_.emplace_back(watch_, std::move(stranger));
        } catch (const std::exception&) {
            // There is no memory to watch it: its connection ends, and it may try again.
        }
    }
}

void ShmServerLink::shut() {
    shut_until_ = std::chrono::steady_clock::now() + kShutFor;
    watch_.remove(listener_.fd());
}

void ShmServerLink::open_again() {
    if (!shut_until_ || std::chrono::steady_clock::now() < *shut_until_) return;
    watch_.add(listener_.fd());
    shut_until_.reset();
}

void ShmServerLink::hear_strangers() {
    std::erase_if(strangers_, [this](Watched& stranger) {
        Handshake said;
        auto received = shm::try_receive(stranger.get(), std::as_writable_bytes(std::span(&said, 1)));
        if (!received) return false;
        if (introduces(*received, said)) {
            admit(std::move(stranger), *received);
        } else if (received->bytes > 0) {
            ++refused_;
        }
        return true;
    });
}

void ShmServerLink::admit(Watched socket, shm::Received& request) {
    if (workers_.size() >= kMostWorkers) return;  // its connection ends, and it may try again
    const auto peer = shm::peer_of(socket.get());
    if (!peer || peer->uid != ::geteuid()) return;
    UniqueFd pidfd = shm::peer_pidfd(socket.get(), peer->pid);
    if (!pidfd) return;
    try {
        Watched process(watch_, std::move(pidfd));
        Channel channel(request.fds[0].get(), Side::detector);
        std::string name(sizeof names_, '\0');
        std::memcpy(name.data(), &++names_, sizeof names_);
        const Handshake welcome;
        const std::array fds{bell_.get()};
        if (!shm::try_send(socket.get(), std::as_bytes(std::span(&welcome, 1)), fds)) return;
        workers_.push_back(std::make_unique<Worker>(Worker{.name = std::move(name),
                                                           .socket = std::move(socket),
                                                           .process = std::move(process),
                                                           .bell = std::move(request.fds[1]),
                                                           .channel = std::move(channel)}));
    } catch (const std::exception&) {
        ++refused_;  // it sent memory that cannot be trusted, or there is none to map it
    }
}

void ShmServerLink::say_asleep(bool asleep) noexcept {
    for (const auto& worker : workers_) worker->channel.in.say_asleep(asleep);
}

bool ShmServerLink::has_message() const noexcept {
    return refused_ > 0 ||
           std::ranges::any_of(workers_, [](const auto& worker) { return !worker->channel.in.empty(); });
}

bool ShmServerLink::wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, std::vector<int>& readable) {
    owner_.check();
    open_again();
    // Say that we sleep before the last look at the queues: see shm_queue.cpp.
    say_asleep(true);
    const bool something = has_message();
    const Woke woke = watch_.wait(something ? std::chrono::nanoseconds(0) : timeout, wake_fds, readable);
    say_asleep(false);
    if (watch_.others_ready()) look_around();
    return something || woke == Woke::event || woke == Woke::wake_fd;
}

Received ShmServerLink::try_receive(Message& message) {
    owner_.check();
    if (refused_ > 0) {
        --refused_;
        return Received::malformed;
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        Worker& worker = *workers_[(next_ + i) % workers_.size()];
        const Received received = take_from(worker, message);
        if (received == Received::nothing) continue;
        next_ = workers_.empty() ? 0 : (next_ + i + 1) % workers_.size();
        return received;
    }
    return Received::nothing;
}

Received ShmServerLink::take_from(Worker& worker, Message& message) {
    switch (worker.channel.in.try_pop(received_)) {
        case Popped::message:
            last_sender_ = worker.name;
            message = {.peer = {reinterpret_cast<const std::uint8_t*>(last_sender_.data()), last_sender_.size()},
                       .bytes = received_};
            return Received::message;
        case Popped::nothing:
            return Received::nothing;
        case Popped::broken:
            break;
    }
    part(worker);
    std::erase_if(workers_, [&](const auto& each) { return each.get() == &worker; });
    return Received::malformed;
}

ShmServerLink::Worker* ShmServerLink::find(wire::Bytes peer) noexcept {
    const auto is_it = [peer](const auto& worker) {
        return worker->name.size() == peer.size() && std::memcmp(worker->name.data(), peer.data(), peer.size()) == 0;
    };
    const auto found = std::ranges::find_if(workers_, is_it);
    return found == workers_.end() ? nullptr : found->get();
}

Sent ShmServerLink::try_send(wire::Bytes peer, wire::Bytes message) {
    owner_.check();
    Worker* worker = find(peer);
    if (worker == nullptr || worker->gone) return Sent::unreachable;
    if (!worker->channel.out.try_push(message)) return Sent::full;
    if (worker->channel.out.reader_sleeps()) ring(worker->bell);
    return Sent::yes;
}

// Its queue goes with it: it could write there for ever.
void ShmServerLink::end(wire::Bytes peer) {
    owner_.check();
    Worker* const worker = find(peer);
    if (worker == nullptr) return;
    part(*worker);
    std::erase_if(workers_, [worker](const auto& each) { return each.get() == worker; });
}

}  // namespace framehop::hop
