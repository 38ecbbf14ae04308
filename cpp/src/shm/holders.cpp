#include "framehop/shm/holders.hpp"

#include <poll.h>

namespace framehop::shm {
namespace {

bool is_over(int fd, short events) noexcept {
    pollfd look{.fd = fd, .events = events, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

bool died(const Holder& holder) noexcept { return is_over(holder.process.get(), POLLIN); }

// Only the hang-up counts; messages of a holder after its attachment are never read.
bool hung_up(const Holder& holder) noexcept { return is_over(holder.connection.get(), POLLRDHUP); }

}  // namespace

std::optional<std::uint32_t> Holders::free_place() const noexcept {
    for (std::uint32_t i = 0; i < kMaxHolders; ++i) {
        if (!places_[i]) return i;
    }
    return std::nullopt;
}

const Holder* Holders::writer() const noexcept {
    for (const auto& place : places_) {
        if (place && place->role == Role::writer) return &*place;
    }
    return nullptr;
}

Holders::Indices Holders::remove_departed(const HoldsSomething& holds_something) noexcept {
    Indices departed;
    for (std::uint32_t i = 0; i < kMaxHolders; ++i) {
        std::optional<Holder>& place = places_[i];
        if (!place) continue;
        // Close it at once, as an ended connection would wake the host for ever.
        if (hung_up(*place)) place->connection.reset();
        if (!died(*place) && (place->connection || holds_something(i, place->role))) continue;
        departed.set(i);
        place.reset();
    }
    return departed;
}

void Holders::watch(std::vector<pollfd>& watched) const {
    for (const auto& place : places_) {
        if (!place) continue;
        // poll(2) ignores a closed connection, as its descriptor is negative.
        watched.push_back({.fd = place->connection.get(), .events = POLLRDHUP, .revents = 0});
        watched.push_back({.fd = place->process.get(), .events = POLLIN, .revents = 0});
    }
}

}  // namespace framehop::shm
