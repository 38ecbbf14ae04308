#include "connections.hpp"

#include <utility>

namespace framehop::hop {
namespace {

constexpr std::size_t kLookEvery = 64;  // connections; at each such count those that have ended are forgotten

}  // namespace

bool Connections::begun(int fd, Clock::time_point now) {
    const ConnectionId id(fd, place_, whose_);
    if (id.is_gone()) return true;  // it has ended before we heard of it
    const auto known = peers_.find(fd);
    // One that we know already took the place of another before we heard of that one.
    if (known != peers_.end() && known->second.id == id) return true;
    if (peers_.size() >= most_) std::erase_if(peers_, [](const auto& entry) { return entry.second.id.is_gone(); });
    const bool has_place = peers_.size() < most_ || peers_.contains(fd);
    if (!has_place && !end_first_stranger()) {
        end(id);
        return false;
    }
    peers_[fd] = {.id = id, .since = now, .bytes = 0, .heard = false};
    return has_place;
}

bool Connections::end_first_stranger() {
    if (last_ == Last::goes) return false;
    auto first = peers_.end();
    for (auto peer = peers_.begin(); peer != peers_.end(); ++peer) {
        if (peer->second.heard) continue;
        if (first == peers_.end() || peer->second.since < first->second.since) first = peer;
    }
    if (first == peers_.end()) return false;
    end(first->second.id);
    peers_.erase(first);
    return true;
}

void Connections::heard(zmq_msg_t* message) noexcept {
    const ConnectionId id(message, place_, whose_);
    const auto found = peers_.find(id.fd());
    if (found == peers_.end() || found->second.id != id) return;
    found->second.bytes = id.bytes_received();
    found->second.heard = true;
}

void Connections::end(const ConnectionId& connection) {
    connection.end();
    if (ending_.size() % kLookEvery == 0) static_cast<void>(all_gone());
    ending_.push_back(connection);
}

void Connections::end_all() {
    for (const auto& [fd, peer] : peers_) end(peer.id);
    peers_.clear();
}

bool Connections::all_gone() {
    std::erase_if(ending_, [](const ConnectionId& connection) { return connection.is_gone(); });
    return ending_.empty();
}

std::vector<std::string> Connections::end_excess(const Allowance& allowance, Clock::time_point now) {
    std::vector<std::string> ended;
    std::erase_if(peers_, [&](const auto& entry) {
        const Peer& peer = entry.second;
        if (peer.id.is_gone()) return true;
        const bool endless = peer.id.bytes_received() > peer.bytes + allowance.bytes;
        if (!endless && (peer.heard || now - peer.since <= allowance.patience)) return false;
        ended.push_back("cut off " + peer.id.peer_name() +
                        (endless ? ": it sends, and comes to no end" : ": it asked for nothing"));
        end(peer.id);
        return true;
    });
    return ended;
}

}  // namespace framehop::hop
