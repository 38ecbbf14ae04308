#include "parting.hpp"

#include <zmq.h>

#include <chrono>
#include <exception>

namespace framehop::hop {
namespace {

using Clock = Connections::Clock;

constexpr std::chrono::seconds kPatience{10};  // for a machine that stands still
constexpr int kLookMs = 1;

// Takes what libzmq tells; true when the socket lets nobody in any more.
bool hear(SocketEvents& events, Connections& connections) {
    bool shut = false;
    while (const auto event = events.try_next()) {
        if (event->kind == ZMQ_EVENT_CLOSED) shut = true;
        if (event->kind == ZMQ_EVENT_ACCEPTED)
            static_cast<void>(connections.begun(static_cast<int>(event->value), Clock::now()));
    }
    return shut;
}

}  // namespace

void part(void* socket, const std::string& address, SocketEvents& events, Connections& connections) noexcept {
    if (zmq_unbind(socket, address.c_str()) != 0) return;
    try {
        bool shut = false;
        for (const auto deadline = Clock::now() + kPatience; Clock::now() < deadline;) {
            shut = hear(events, connections) || shut;
            connections.end_all();
            if (shut && connections.all_gone()) return;
            zmq_pollitem_t item{events.socket(), 0, ZMQ_POLLIN, 0};
            static_cast<void>(zmq_poll(&item, 1, kLookMs));
        }
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): closing goes on
    }
}

}  // namespace framehop::hop
