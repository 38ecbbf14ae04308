#pragma once

#include <functional>

#include "connections.hpp"
#include "socket_events.hpp"

namespace framehop::hop {

// Ends every connection of a bound socket before it is closed, and waits until nobody comes for a moment: libzmq (4.3)
// aborts the process when the end of a connection in the middle of a message, or a peer's first bytes, meet a socket
// that is being closed. `meanwhile` is called again and again: it answers what libzmq asks about handshakes, which does
// not see the end of a connection before. `events` tells of ZMQ_EVENT_ACCEPTED. It takes libzmq no time to speak of;
// ten seconds at most.
void part(SocketEvents& events, Connections& connections, const std::function<void()>& meanwhile) noexcept;

}  // namespace framehop::hop
