// Sends frames to receivers on other hosts, straight from where they lie.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framehop/hop/keys.hpp"
#include "framehop/shm/lease.hpp"
#include "framehop/wire/frames.hpp"

namespace framehop::hop {

// One frame on its way out. `owner` keeps `payload` in place; its end, in any thread, must not block.
struct OutgoingFrame {
    shm::FrameTag tag;  // partition and offset are not sent
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t stride = 0;  // 0 for a JPEG
    wire::Encoding encoding = wire::Encoding::rgb8;
    std::span<const std::uint8_t> payload;
    std::shared_ptr<const void> owner;
    std::string note;  // what the sender has to say of it, for instance its event as JSON
};

// The frame that lies in a leased slot; the lease ends when the last receiver's copy has left.
[[nodiscard]] OutgoingFrame frame_in(std::shared_ptr<const shm::Lease> lease, std::string note = {});

// Returns a picture as a JPEG.
using Encode = std::function<std::vector<std::uint8_t>(const ConstImageView&)>;

struct SenderOptions {
    std::optional<SenderKeys> keys;
    bool insecure = false;      // allows tcp:// without keys
    std::uint32_t credits = 8;  // the most frames on their way to one receiver, and so the slots that it may hold
    std::uint32_t max_receivers = 16;
    std::chrono::nanoseconds silence = std::chrono::seconds(5);  // the connection of a receiver ends after so long
};

struct SenderEvents {
    std::size_t wants = 0;           // wants that came: there may be room now
    std::vector<std::string> notes;  // who was turned away or cut off, and why; for a log
    std::vector<int> readable_fds;
};

// What is known of one receiver.
struct ReceiverInfo {
    std::uint64_t session = 0;
    wire::Delivery delivery = wire::Delivery::latest;
    std::string stream;  // empty: every stream
    std::string address;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t skipped = 0;
};

// Use from one thread. Destroying it never lingers: it ends every connection, and with them all leases. `drain` comes
// first where the last frames are to arrive.
class FrameSender {
  public:
    // `address`: tcp://HOST:PORT with keys (port 0: any that is free), or ipc://PATH. Throws Errc::refused for tcp://
    // that is neither given keys nor called insecure, Errc::invalid_argument, Errc::system.
    FrameSender(const std::string& address, SenderOptions options);
    ~FrameSender();
    FrameSender(const FrameSender&) = delete;
    FrameSender& operator=(const FrameSender&) = delete;

    // Where receivers connect to, with the port that was found.
    [[nodiscard]] const std::string& address() const noexcept;
    [[nodiscard]] std::vector<ReceiverInfo> receivers() const;
    // Number of messages dropped because they do not parse or claim what was never sent; their sender's connection
    // ends.
    [[nodiscard]] std::uint64_t malformed() const noexcept;
    // Number of peers whose key was not accepted, or who tried to connect without one.
    [[nodiscard]] std::uint64_t refused() const noexcept;

    // Waits for wants, or for one of `wake_fds`, and serves them: new receivers are let in, those that have become
    // silent are cut off. False when nothing came. Call it at least once a second.
    [[nodiscard]] bool poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, SenderEvents& events);

    // Serves wants until every receiver has gone, or has said that it is done with all that it was sent, and with the
    // newest if that waits for its credit. False when the time is over. It is true in a forked child, which has sent
    // nothing.
    [[nodiscard]] bool drain(std::chrono::nanoseconds timeout);

    // Whether no lossless receiver of `stream` is out of credit.
    [[nodiscard]] bool has_room(const std::string& stream) const noexcept;
    // Sends the frame to every receiver of its stream. A `latest` receiver without credit gets it with its next want,
    // if no newer one comes. False, and nothing is sent, when a lossless one has no credit: poll, and try again. Never
    // blocks. Throws Errc::invalid_argument for a frame that no receiver would take.
    [[nodiscard]] bool try_send(OutgoingFrame frame);
    // The same for live frames, which wait for nobody: a lossless receiver without credit misses the frame, counted as
    // skipped.
    void offer(OutgoingFrame frame);
    // The same for a picture that goes out as a JPEG. `encode` is asked for it once, however many receivers take it,
    // and not at all while none has credit; then a `latest` one that waits for it has a copy of its pixels. So nothing
    // is left of `pixels` when this returns. `encode` is called by this, or by a later poll, and throws through them.
    void offer_encoded(OutgoingFrame pixels, Encode encode);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace framehop::hop
