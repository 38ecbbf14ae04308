#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <random>

#include "framehop/hop/hop_server.hpp"
#include "framehop/shm/reader.hpp"
#include "pictures.hpp"
#include "players.hpp"

namespace framehop::kills {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kCredits = 4;
constexpr unsigned kLongestLookUs = 300;

// Compares a leased picture, whole, with the frame that its tag names; returns that frame's number.
std::uint64_t look_at(const shm::Lease& lease, Ledger& ledger) {
    const auto frame = static_cast<std::uint64_t>(lease.tag().seq);
    if (!shows(lease.image(), frame)) ++ledger.torn;
    ++ledger.looks;
    return frame;
}

void answer(hop::HopServer& server, shm::RingReader& ring, const hop::Request& request, Ledger& ledger) {
    const auto lease = ring.try_lease({request.descriptor.slot, request.descriptor.generation});
    // Stale only for a worker that was killed with its question on the way.
    if (!lease) {
        static_cast<void>(server.try_reply(request, {.status = wire::Status::stale}, {}, "gone"));
        return;
    }
    const wire::Box box{.label_id = static_cast<std::int32_t>(look_at(*lease, ledger))};
    static_cast<void>(server.try_reply(request, {.batch_size = 1, .model = 1}, {&box, 1}, ""));
}

}  // namespace

void detect(const Place& place, Ledger& ledger) {
    hop::HopServer server(place.hop, kCredits);
    shm::RingReader ring(shm::attach(place.ring, shm::Role::detector, 30s));
    for (;;) {
        hop::ServerEvents events;
        static_cast<void>(server.poll(1s, {}, events));
        for (const hop::Request& request : events.requests) answer(server, ring, request, ledger);
    }
}

void look_on(const Place& place, Ledger& ledger) {
    std::mt19937 chance(static_cast<unsigned>(::getpid()));
    shm::RingReader ring(shm::attach(place.ring, shm::Role::tap, 30s));
    for (;;) {
        const std::uint64_t newest = ledger.newest;
        const shm::SlotId id{static_cast<std::uint32_t>(newest >> 32U), static_cast<std::uint32_t>(newest)};
        const auto lease = ring.try_lease(id);
        if (lease) static_cast<void>(look_at(*lease, ledger));
        ::usleep(static_cast<useconds_t>(chance() %
                                         kLongestLookUs));  // with the lease held, so that many are killed with one
    }
}

}  // namespace framehop::kills
