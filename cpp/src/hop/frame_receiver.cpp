#include "framehop/hop/frame_receiver.hpp"

#include <algorithm>
#include <utility>

#include "drain.hpp"
#include "framehop/base/error.hpp"
#include "net_socket.hpp"

namespace framehop::hop {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kWantEvery{1};
// A connection is made anew after so long without one: libzmq gives up for good when the other end refuses a key, has
// none, or sends what is too large. Longer than a handshake may take (ZMQ_HANDSHAKE_IVL).
constexpr std::chrono::seconds kConnectAnew{6};
// What a sender sends without end must not come for longer without a look.
constexpr std::chrono::milliseconds kLook{100};
constexpr std::size_t kFrameParts = 3;
// What a sender may send beside frames: weeks of heartbeats while there is nothing to see.
constexpr std::uint64_t kBesides = std::uint64_t{64} << 20;

ReceiverOptions checked(ReceiverOptions options) {
    if (options.delivery == wire::Delivery::latest) options.credits = 1;
    if (options.max_bytes < 1 || options.max_bytes > wire::kMaxPayload) {
        throw Error(Errc::invalid_argument, "max_bytes must be 1 to 4 GiB");
    }
    static_cast<void>(wire::serialise_want({.credits = options.credits, .delivery = options.delivery}, options.stream));
    return options;
}

}  // namespace

ConstImageView image_in(const IncomingFrame& frame) {
    const wire::FrameHeader& header = frame.header;
    if (header.encoding == wire::Encoding::jpeg) {
        throw Error(Errc::invalid_argument, "this frame came as a JPEG: decode_jpeg(frame.payload) has its pixels");
    }
    return {frame.payload.data(), header.width, header.height, header.stride, wire::format_of(header.encoding)};
}

class FrameReceiver::Impl {
  public:
    Impl(const std::string& address, ReceiverOptions options)
        : options_(checked(std::move(options))),
          socket_(ZMQ_DEALER, address, options_.keys.has_value(), options_.insecure) {
        // A want that did not leave is of no use to the next connection, and must not wait in line for it.
        socket_.set(ZMQ_IMMEDIATE, 1);
        socket_.set(ZMQ_SNDHWM, 8);
        socket_.set(ZMQ_RCVHWM, static_cast<int>(options_.credits) + 2);
        socket_.limit(std::max<std::uint64_t>(options_.max_bytes, wire::kMaxNote));
        if (options_.keys) socket_.secure(*options_.keys);
        socket_.connect({.bytes = options_.credits * (options_.max_bytes + wire::kMaxNote) + kBesides});
    }

    bool poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, ReceiverEvents& events) {
        const auto deadline = Clock::now() + timeout;
        finish_frame();
        for (;;) {
            if (Clock::now() >= next_want_) want();
            static_cast<void>(socket_.attend(events.notes));
            const bool came = take_all(events);
            socket_.end_excess(events.notes);
            if (came || !events.notes.empty() || !events.readable_fds.empty()) return true;
            const auto now = Clock::now();
            if (now >= deadline) return false;
            const auto until = std::max(std::min({deadline, next_want_, now + kLook}), now);
            static_cast<void>(socket_.wait(until - now, wake_fds, events.readable_fds));
        }
    }

    [[nodiscard]] std::uint64_t session() const noexcept { return session_; }
    [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }

  private:
    void finish_frame() {
        if (!unfinished_) return;
        unfinished_ = false;
        ++received_;
        next_want_ = {};
    }

    void want() {
        const wire::Want want{
            .session = session_, .received = received_, .credits = options_.credits, .delivery = options_.delivery};
        const Sent sent = socket_.try_send(wire::serialise_want(want, options_.stream), false);
        // While there is no connection, it is looked for more often.
        next_want_ = Clock::now() + (sent == Sent::yes ? std::chrono::milliseconds(kWantEvery) : kTryAgain);
        if (sent == Sent::yes) last_sent_ = Clock::now();
        if (Clock::now() - last_sent_ >= kConnectAnew) connect_anew();
    }

    void connect_anew() {
        socket_.connect_anew();
        last_sent_ = Clock::now();
    }

    // Takes messages up to the first frame; false if none came.
    bool take_all(ReceiverEvents& events) {
        for (int i = 0; i < kMaxMessagesPerPoll; ++i) {
            const auto parts = socket_.try_receive();
            if (!parts) return false;
            if (parts->count == kFrameParts && take_frame(*parts, events)) return true;
            if (parts->count != kFrameParts) take_welcome(*parts);
        }
        return false;
    }

    void take_welcome(const Parts& parts) {
        const auto welcome = parts.count == 1 ? wire::parse_frame_welcome(parts.kept.front()->bytes()) : std::nullopt;
        if (!welcome) {
            ++malformed_;
            return;
        }
        session_ = welcome->session;
        received_ = 0;
        next_want_ = Clock::now() + kWantEvery;
    }

    bool take_frame(const Parts& parts, ReceiverEvents& events) {
        const wire::Bytes payload = parts.kept[1]->bytes();
        const wire::Bytes note = parts.kept[2]->bytes();
        auto parsed = wire::parse_frame(parts.kept[0]->bytes(), payload.size(), note.size());
        if (!parsed || parsed->header.session != session_) {
            ++malformed_;
            if (!parsed) drop(wire::session_of(parts.kept[0]->bytes()));
            return false;
        }
        events.frames.push_back({.header = parsed->header,
                                 .stream = std::move(parsed->stream),
                                 .payload = payload,
                                 .note = note,
                                 .owner = std::make_shared<const std::vector<std::shared_ptr<Part>>>(parts.kept)});
        unfinished_ = true;
        return true;
    }

    // The sender counts a frame that cannot be read, too: its credit would never come back.
    void drop(std::uint64_t session) noexcept {
        if (session == 0 || session != session_) return;
        ++received_;
        next_want_ = {};
    }

    static constexpr std::chrono::milliseconds kTryAgain{50};

    ReceiverOptions options_;
    NetSocket socket_;
    std::uint64_t session_ = 0;
    std::uint64_t received_ = 0;
    bool unfinished_ = false;  // a frame was handed out that the sender does not know to be done with
    Clock::time_point next_want_;
    Clock::time_point last_sent_ = Clock::now();  // of a want, or when the connection was made anew since
    std::uint64_t malformed_ = 0;
};

FrameReceiver::FrameReceiver(const std::string& address, ReceiverOptions options)
    : impl_(std::make_unique<Impl>(address, std::move(options))) {}
FrameReceiver::~FrameReceiver() = default;

std::uint64_t FrameReceiver::session() const noexcept { return impl_->session(); }
std::uint64_t FrameReceiver::malformed() const noexcept { return impl_->malformed(); }

bool FrameReceiver::poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, ReceiverEvents& events) {
    return impl_->poll(timeout, wake_fds, events);
}

}  // namespace framehop::hop
