#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "framehop/hop/frame_sender.hpp"

namespace framehop::hop {

// Returns what is said of a frame that is the `number`th of its session.
[[nodiscard]] wire::FrameHeader header_of(const OutgoingFrame& frame, std::uint64_t session, std::uint64_t number,
                                          std::uint64_t skipped);

// Checks a frame before anybody gets it, by the rules of those who read it. Throws Errc::invalid_argument.
void check(const OutgoingFrame& frame);

// A frame on its way to any number of receivers. Not thread-safe.
class Outgoing {
  public:
    explicit Outgoing(OutgoingFrame frame) : frame_(std::move(frame)) {}
    // `pixels` are what is to be encoded, once and only if somebody takes the frame.
    Outgoing(OutgoingFrame pixels, Encode encode) : frame_(std::move(pixels)), encode_(std::move(encode)) {}

    [[nodiscard]] const std::string& stream() const noexcept { return frame_.tag.stream; }
    // Returns what is sent. Throws what `encode` does, and may be asked again then.
    [[nodiscard]] const OutgoingFrame& ready();
    // Lets go of pixels that nobody has taken yet: from here on they are a copy.
    void move_out();

  private:
    OutgoingFrame frame_;
    Encode encode_;  // empty once there is nothing to encode
};

}  // namespace framehop::hop
