#include "framehop/shm/holders.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "framehop/shm/local_socket.hpp"
#include "process_maps.hpp"

namespace framehop::shm {
namespace {

bool died(const Holder& holder) noexcept {
    pollfd look{.fd = holder.process.get(), .events = POLLIN, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

enum class Said { nothing, goodbye, nonsense };

// Hears what a holder says after its attachment: goodbye. All else, a hang-up too, is nonsense.
Said listen(int connection) noexcept {
    Goodbye goodbye{.magic = 0};
    const ssize_t bytes = ::recv(connection, &goodbye, sizeof goodbye, MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return Said::nothing;
    return bytes == sizeof goodbye && goodbye.magic == kGoodbyeMagic ? Said::goodbye : Said::nonsense;
}

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

bool Holders::leaves(Holder& holder) const noexcept {
    const Said said = holder.connection ? listen(holder.connection.get()) : Said::nothing;
    // Close it at once, as an ended connection would wake the host for ever.
    if (said == Said::nonsense) holder.connection.reset();
    return said == Said::goodbye || died(holder) || (!holder.connection && surely_unmapped(holder.pid, control_));
}

bool Holders::remove_departed() noexcept {
    bool any = false;
    for (std::optional<Holder>& place : places_) {
        if (!place || !leaves(*place)) continue;
        place.reset();
        any = true;
    }
    return any;
}

HolderSet Holders::vacant() const noexcept {
    HolderSet vacant;
    for (std::uint32_t i = 0; i < kMaxHolders; ++i) vacant[i] = !places_[i];
    return vacant;
}

bool Holders::any_lost() const noexcept {
    return std::ranges::any_of(places_, [](const auto& place) { return place && !place->connection; });
}

// A reader that does not take its notes needs no more of them: its descriptor is readable.
void Holders::note_to_readers() const noexcept {
    constexpr std::array note{std::byte{1}};
    for (const auto& place : places_) {
        if (place && place->connection && place->role != Role::writer) {
            try_send(place->connection.get(), std::span(note), {});
        }
    }
}

void Holders::watch(std::vector<pollfd>& watched) const {
    for (const auto& place : places_) {
        if (!place) continue;
        // poll(2) ignores a closed connection, as its descriptor is negative.
        watched.push_back({.fd = place->connection.get(), .events = POLLIN, .revents = 0});
        watched.push_back({.fd = place->process.get(), .events = POLLIN, .revents = 0});
    }
}

}  // namespace framehop::shm
