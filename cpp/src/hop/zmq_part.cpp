#include "zmq_part.hpp"

#include "zmq_call.hpp"

namespace framehop::hop {

bool Part::receive_from(void* socket) {
    while (zmq_msg_recv(&message_, socket, ZMQ_DONTWAIT) < 0) {
        if (errno == EAGAIN) return false;
        if (errno != EINTR) throw_zmq("zmq_msg_recv");
    }
    return true;
}

}  // namespace framehop::hop
