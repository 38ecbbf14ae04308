#include "framehop/hop/hop_server.hpp"

#include <sys/random.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "accounts.hpp"
#include "clock.hpp"
#include "drain.hpp"
#include "framehop/base/error.hpp"
#include "framehop/wire/serialise.hpp"

namespace framehop::hop {
namespace {

std::uint64_t random_id() {
    std::uint64_t id = 0;
    while (id == 0) {
        if (::getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id)) throw_errno("getrandom");
    }
    return id;
}

std::uint32_t checked_credits(std::uint32_t credits) {
    if (credits >= 1 && credits <= wire::kMaxDescriptors) return credits;
    throw Error(Errc::invalid_argument,
                "credits must be 1 to " + std::to_string(wire::kMaxDescriptors) + ", not " + std::to_string(credits));
}

// Bad credits are refused before a predecessor's socket file is replaced.
std::unique_ptr<ServerLink> bind_if_sound(const std::string& address, std::uint32_t credits) {
    static_cast<void>(checked_credits(credits));
    return bind_link(address);
}

wire::Bytes bytes_of(const std::string& text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Saturates, as `from` comes from the worker and may be anything.
std::uint32_t microseconds_between(std::uint64_t from, std::uint64_t to) noexcept {
    const std::uint64_t elapsed = to > from ? (to - from) / 1000 : 0;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(elapsed, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

HopServer::HopServer(const std::string& address, std::uint32_t credits)
    : HopServer(bind_if_sound(address, credits), credits) {}

HopServer::HopServer(std::unique_ptr<ServerLink> link, std::uint32_t credits)
    : detector_id_(random_id()),
      credits_(checked_credits(credits)),
      link_(std::move(link)),
      accounts_(std::make_unique<Accounts>(credits_)) {}

HopServer::~HopServer() = default;

bool HopServer::poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, ServerEvents& events) {
    if (!events.requests.empty() || !events.greetings.empty()) timeout = std::chrono::nanoseconds(0);
    if (link_->wait(timeout, wake_fds, events.readable_fds)) drain(events);
    return !events.requests.empty() || !events.greetings.empty() || !events.readable_fds.empty();
}

void HopServer::drain(ServerEvents& events) {
    Message message;
    for (int i = 0; i < kMaxMessagesPerPoll && events.requests.size() < wire::kMaxDescriptors; ++i) {
        const Received received = link_->try_receive(message);
        if (received == Received::nothing) return;
        if (received == Received::malformed || !take(message.peer, message.bytes, events)) ++malformed_;
    }
}

bool HopServer::take(wire::Bytes peer, wire::Bytes message, ServerEvents& events) {
    const auto kind = wire::kind_of(message);
    if (kind == wire::Kind::hello) return take_hello(peer, message, events);
    return kind == wire::Kind::frames && take_frames(peer, message, events);
}

bool HopServer::take_hello(wire::Bytes peer, wire::Bytes message, ServerEvents& events) {
    auto greeting = wire::parse_hello(message);
    if (!greeting) return false;
    // A worker that is gone before its welcome needs none.
    if (link_->try_send(peer, wire::serialise_welcome(detector_id_, credits_)) == Sent::yes) {
        events.greetings.push_back({.peer = std::string(peer.begin(), peer.end()),
                                    .ring_id = greeting->ring_id,
                                    .ring_path = std::move(greeting->ring_path)});
    }
    return true;
}

bool HopServer::take_frames(wire::Bytes peer, wire::Bytes message, ServerEvents& events) {
    const auto descriptors = wire::parse_descriptors(message);
    if (!descriptors) return false;
    const auto is_ours = [this](const wire::Descriptor& descriptor) { return descriptor.detector_id == detector_id_; };
    if (!std::all_of(descriptors->begin(), descriptors->end(), is_ours)) return false;
    const std::string worker(peer.begin(), peer.end());
    if (!accounts_->try_book(worker, descriptors->size())) {
        link_->end(peer);
        return false;
    }
    const std::uint64_t now = monotonic_ns();
    for (const wire::Descriptor& descriptor : *descriptors) events.requests.push_back({worker, descriptor, now});
    return true;
}

bool HopServer::try_reply(const Request& request, wire::ReplyHeader header, std::span<const wire::Box> boxes,
                          std::string_view text) {
    if (request.descriptor.detector_id != detector_id_) {
        throw Error(Errc::invalid_argument, "the request came in through another HopServer");
    }
    header.ring_id = request.descriptor.ring_id;
    header.slot = request.descriptor.slot;
    header.generation = request.descriptor.generation;
    header.hop_us = microseconds_between(request.descriptor.sent_ns, request.received_ns);
    const wire::Buffer reply = wire::serialise_reply(header, boxes, text);
    accounts_->answered(request.peer);
    const Sent sent = link_->try_send(bytes_of(request.peer), reply);
    // Its worker would wait for this answer for ever. When its connection ends, it asks again, here or elsewhere.
    if (sent == Sent::full) disconnect(request.peer);
    return sent == Sent::yes;
}

void HopServer::disconnect(const std::string& peer) { link_->end(bytes_of(peer)); }

}  // namespace framehop::hop
