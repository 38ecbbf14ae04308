#include "socket_events.hpp"

#include <zmq.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "zmq_call.hpp"
#include "zmq_part.hpp"

namespace framehop::hop {
namespace {

constexpr const char* kAddress = "inproc://socket-events";  // its context has one socket that is watched
// Closing a socket takes libzmq no time to speak of; this is for a machine that stands still.
constexpr std::chrono::seconds kClose{10};

}  // namespace

// Connects before there is anything to connect to: libzmq tells of the end of a watch, too, and waits until somebody
// hears it.
SocketEvents::SocketEvents(void* context, void* socket, int kinds) : socket_(zmq_socket(context, ZMQ_PAIR)) {
    if (socket_ == nullptr) throw_zmq("zmq_socket(ZMQ_PAIR)");
    const int kept = 1;
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_RCVHWM, &kept, sizeof kept);
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    std::size_t bytes = sizeof fd_;
    const bool watches = zmq_connect(socket_, kAddress) == 0 && zmq_getsockopt(socket_, ZMQ_FD, &fd_, &bytes) == 0 &&
                         zmq_socket_monitor(socket, kAddress, kinds | ZMQ_EVENT_MONITOR_STOPPED) == 0;
    if (watches) return;
    const int failure = errno;
    zmq_close(socket_);
    errno = failure;
    throw_zmq("zmq_socket_monitor");
}

SocketEvents::~SocketEvents() {
    drain();
    zmq_close(socket_);
}

void SocketEvents::drain() noexcept {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + kClose;
    for (auto left = deadline - Clock::now(); left > Clock::duration::zero(); left = deadline - Clock::now()) {
        zmq_pollitem_t item{socket_, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, poll_milliseconds(left)) < 0 && errno != EINTR) return;
        try {
            while (const auto event = try_next()) {
                if (event->kind == ZMQ_EVENT_MONITOR_STOPPED) return;
            }
        } catch (const Error&) {
            return;
        }
    }
}

std::optional<SocketEvent> SocketEvents::try_next() {
    Part event;
    Part address;
    if (!event.receive_from(socket_) || !address.receive_from(socket_)) return std::nullopt;
    SocketEvent found;  // in host order: 16 bits of kind, and 32 of value
    std::memcpy(&found.kind, event.bytes().data(), sizeof found.kind);
    std::memcpy(&found.value, event.bytes().data() + sizeof found.kind, sizeof found.value);
    return found;
}

}  // namespace framehop::hop
