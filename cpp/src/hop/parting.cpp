#include "parting.hpp"

#include <zmq.h>

#include <chrono>
#include <exception>

#include "drain.hpp"

namespace framehop::hop {
namespace {

using Clock = Connections::Clock;

constexpr std::chrono::seconds kPatience{10};  // for a machine that stands still
constexpr int kLookMs = 1;
constexpr int kQuietLooks = 3;

// Takes some of what libzmq tells; true when somebody has come. The rest is taken by the next: the parting has an end,
// however fast strangers come.
bool hear(SocketEvents& events, Connections& connections) {
    bool came = false;
    for (int i = 0; i < kMaxMessagesPerPoll; ++i) {
        const auto event = events.try_next();
        if (!event) break;
        if (event->kind != ZMQ_EVENT_ACCEPTED) continue;
        came = true;
        static_cast<void>(connections.begun(static_cast<int>(event->value), Clock::now()));
    }
    return came;
}

}  // namespace

void part(SocketEvents& events, Connections& connections, const std::function<void()>& meanwhile) noexcept {
    try {
        const auto deadline = Clock::now() + kPatience;
        for (int quiet = 0; quiet < kQuietLooks && Clock::now() < deadline;) {
            meanwhile();
            const bool came = hear(events, connections);
            connections.end_all();
            quiet = came || !connections.all_gone() ? 0 : quiet + 1;
            zmq_pollitem_t item{events.socket(), 0, ZMQ_POLLIN, 0};
            if (quiet < kQuietLooks) static_cast<void>(zmq_poll(&item, 1, kLookMs));
        }
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): closing goes on
    }
}

}  // namespace framehop::hop
