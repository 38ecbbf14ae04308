// Receives frames from a sender on another host.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framehop/base/image_view.hpp"
#include "framehop/hop/keys.hpp"
#include "framehop/wire/frames.hpp"

namespace framehop::hop {

// A frame that came. `payload` lies in the message as libzmq received it, and `note` too; both live as long as `owner`.
struct IncomingFrame {
    wire::FrameHeader header;
    std::string stream;
    std::span<const std::uint8_t> payload;
    std::span<const std::uint8_t> note;
    std::shared_ptr<const void> owner;
};

// Returns the pixels where they lie; they live as long as the frame's `owner`. Throws Errc::invalid_argument for a
// JPEG.
[[nodiscard]] ConstImageView image_in(const IncomingFrame& frame);

struct ReceiverOptions {
    std::optional<ReceiverKeys> keys;
    bool insecure = false;  // allows tcp:// without keys
    wire::Delivery delivery = wire::Delivery::latest;
    std::uint32_t credits = 4;                           // frames on their way when lossless; `latest` has one
    std::string stream;                                  // empty: every stream
    std::uint64_t max_bytes = std::uint64_t{256} << 20;  // of one picture; a larger one ends the connection
};

struct ReceiverEvents {
    std::vector<IncomingFrame> frames;  // at most one is added by a poll
    std::vector<std::string> notes;     // why there is no connection; for a log
    std::vector<int> readable_fds;
};

// Connects, and connects again whenever the sender was away, or sent more than it has credit for, as a message without
// end. Use from one thread. Destroying it never lingers.
class FrameReceiver {
  public:
    // The errors are those of FrameSender.
    FrameReceiver(const std::string& address, ReceiverOptions options);
    ~FrameReceiver();
    FrameReceiver(const FrameReceiver&) = delete;
    FrameReceiver& operator=(const FrameReceiver&) = delete;

    // The sender's number for this connection; 0 until it has answered. Another number after a break: what was on its
    // way then is lost, and counted nowhere.
    [[nodiscard]] std::uint64_t session() const noexcept;
    // Number of messages dropped, as they do not parse.
    [[nodiscard]] std::uint64_t malformed() const noexcept;

    // Waits for the next frame, or for one of `wake_fds`. Being called says that the frame before is done with, which
    // gives the sender the credit for another; a receiver that does not call is cut off after the sender's deadline.
    // False when nothing came.
    [[nodiscard]] bool poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, ReceiverEvents& events);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace framehop::hop
