#include "framehop/hop/hop_client.hpp"

#include <utility>

#include "clock.hpp"
#include "drain.hpp"
#include "framehop/base/error.hpp"
#include "framehop/wire/serialise.hpp"

namespace framehop::hop {
namespace {

std::uint64_t picture_key(std::uint32_t slot, std::uint32_t generation) noexcept {
    return std::uint64_t{slot} << 32U | generation;
}

}  // namespace

HopClient::HopClient(const std::string& address, const std::string& ring_path, std::uint64_t ring_id)
    : HopClient(connect_link(address), ring_path, ring_id) {}

HopClient::HopClient(std::unique_ptr<ClientLink> link, const std::string& ring_path, std::uint64_t ring_id)
    : link_(std::move(link)), ring_id_(ring_id) {
    if (link_->try_send(wire::serialise_hello(ring_id, ring_path)) != Sent::yes) {
        throw Error(Errc::system, "cannot queue the hello that names the ring " + ring_path);
    }
}

bool HopClient::try_send(std::span<wire::Descriptor> descriptors) {
    if (descriptors.empty()) return true;
    if (credits() == 0) return false;
    if (descriptors.size() > credits_) {
        throw Error(Errc::invalid_argument, std::to_string(descriptors.size()) +
                                                " descriptors at once, and the detector grants " +
                                                std::to_string(credits_) + ": send them in several calls");
    }
    if (unanswered_.size() + descriptors.size() > credits_) return false;
    const std::uint64_t now = monotonic_ns();
    for (wire::Descriptor& descriptor : descriptors) {
        descriptor.detector_id = detector_id_;
        descriptor.ring_id = ring_id_;
        descriptor.sent_ns = now;
    }
    if (link_->try_send(wire::serialise_descriptors(descriptors)) != Sent::yes) return false;
    for (const wire::Descriptor& sent : descriptors) unanswered_.insert(picture_key(sent.slot, sent.generation));
    return true;
}

bool HopClient::poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, ClientEvents& events) {
    const auto credits_before = credits();
    const bool lost_before = lost_;
    if (!events.replies.empty()) timeout = std::chrono::nanoseconds(0);
    if (link_->wait(timeout, wake_fds, events.readable_fds)) {
        drain(events);
        lost_ = link_->connection() == Connection::lost;
    }
    return !events.replies.empty() || !events.readable_fds.empty() || credits() != credits_before ||
           lost_ != lost_before;
}

void HopClient::drain(ClientEvents& events) {
    Message message;
    for (int i = 0; i < kMaxMessagesPerPoll; ++i) {
        const Received received = link_->try_receive(message);
        if (received == Received::nothing) return;
        if (received == Received::malformed || !take(message.bytes, events)) ++malformed_;
        // With all answers in there is nothing to come, and a look for it is not free.
        if (unanswered_.empty() && !events.replies.empty()) return;
    }
}

bool HopClient::take(wire::Bytes message, ClientEvents& events) {
    const auto kind = wire::kind_of(message);
    if (kind == wire::Kind::welcome) return take_welcome(message);
    return kind == wire::Kind::reply && take_reply(message, events);
}

bool HopClient::take_welcome(wire::Bytes message) {
    const auto welcome = wire::parse_welcome(message);
    if (!welcome || detector_id_ != 0) return false;
    detector_id_ = welcome->detector_id;
    credits_ = welcome->credits;
    return true;
}

bool HopClient::take_reply(wire::Bytes message, ClientEvents& events) {
    auto reply = wire::parse_reply(message);
    if (!reply || reply->header.ring_id != ring_id_) return false;
    const auto asked = unanswered_.find(picture_key(reply->header.slot, reply->header.generation));
    if (asked == unanswered_.end()) return false;
    unanswered_.erase(asked);
    events.replies.push_back(std::move(*reply));
    return true;
}

}  // namespace framehop::hop
