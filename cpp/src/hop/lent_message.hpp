// A message over memory that somebody lends: libzmq sends from there, and copies nothing.
#pragma once

#include <zmq.h>

#include <cstdint>
#include <memory>
#include <span>

namespace framehop::hop {

// Owns one message until it is sent. `owner` is let go of when libzmq is done with the bytes: in one of its threads, or
// when the message is destroyed unsent. Not thread-safe.
class LentMessage {
  public:
    // Throws Errc::no_memory.
    LentMessage(std::span<const std::uint8_t> bytes, std::shared_ptr<const void> owner);
    ~LentMessage() { zmq_msg_close(&message_); }
    LentMessage(const LentMessage&) = delete;
    LentMessage& operator=(const LentMessage&) = delete;

    [[nodiscard]] zmq_msg_t* raw() noexcept { return &message_; }

  private:
    zmq_msg_t message_;
};

}  // namespace framehop::hop
