#include "framehop/shm/holders.hpp"

#include <poll.h>

namespace framehop::shm {
namespace {

bool is_over(int fd, short events) noexcept {
    pollfd look{.fd = fd, .events = events, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

bool died(const Holder& holder) noexcept { return is_over(holder.process.get(), POLLIN); }

// Only the hang-up counts: what a holder says after its attachment is never read.
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

std::vector<Holders::Departed> Holders::remove_departed() {
    std::vector<Departed> departed;
    for (std::uint32_t i = 0; i < kMaxHolders; ++i) {
        if (!places_[i]) continue;
        const bool dead = died(*places_[i]);
        if (!dead && !hung_up(*places_[i])) continue;
        departed.push_back({.index = i, .died = dead});
        places_[i].reset();
    }
    return departed;
}

void Holders::watch(std::vector<pollfd>& watched) const {
    for (const auto& place : places_) {
        if (!place) continue;
        watched.push_back({.fd = place->connection.get(), .events = POLLRDHUP, .revents = 0});
        watched.push_back({.fd = place->process.get(), .events = POLLIN, .revents = 0});
    }
}

}  // namespace framehop::shm
