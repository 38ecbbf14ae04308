#pragma once

#include <zmq.h>

#include "framehop/wire/parse.hpp"

namespace framehop::hop {

// One part of a received message; its bytes belong to libzmq and are valid until the next receive into it.
class Part {
  public:
    Part() noexcept { zmq_msg_init(&message_); }
    ~Part() { zmq_msg_close(&message_); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    [[nodiscard]] zmq_msg_t* raw() noexcept { return &message_; }
    // Receives the next part without waiting; false when none is there. A signal may interrupt libzmq between two parts
    // of one message, too: it is asked again. Throws Errc::system.
    [[nodiscard]] bool receive_from(void* socket);
    [[nodiscard]] bool has_more() const noexcept { return zmq_msg_more(&message_) != 0; }
    [[nodiscard]] wire::Bytes bytes() noexcept {
        return {static_cast<const std::uint8_t*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
    }

  private:
    zmq_msg_t message_;
};

}  // namespace framehop::hop
