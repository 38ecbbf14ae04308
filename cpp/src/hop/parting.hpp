#pragma once

#include <string>

#include "connections.hpp"
#include "socket_events.hpp"

namespace framehop::hop {

// Has a bound socket let nobody in any more, and ends every connection, before it is closed: libzmq (4.3) aborts the
// process when a peer's first bytes, or the end of its connection in the middle of a message, meet a socket that is
// being closed. `events` tells of ZMQ_EVENT_ACCEPTED and ZMQ_EVENT_CLOSED. Waits for libzmq, which takes no time to
// speak of, ten seconds at most.
void part(void* socket, const std::string& address, SocketEvents& events, Connections& connections) noexcept;

}  // namespace framehop::hop
