#include "framehop/hop/frame_sender.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "drain.hpp"
#include "framehop/base/error.hpp"
#include "lent_message.hpp"
#include "net_socket.hpp"
#include "receiver_book.hpp"

namespace framehop::hop {
namespace {

// Silent receivers are looked for so often.
constexpr std::chrono::milliseconds kLook{250};
// While a sender drains, whoever has gone is noticed so soon.
constexpr std::chrono::milliseconds kGoneLook{10};
// What libzmq may keep of a receiver's wants while nobody polls.
constexpr int kWantsKept = 64;
// Connections beside those of the receivers: of those who are about to become one, or to be turned away.
constexpr std::size_t kStrangers = 32;
// The bytes of wants that have come and wait: far more than those that libzmq keeps.
constexpr std::uint64_t kUnfinished = std::uint64_t{256} << 10;

// libzmq's bound for one receiver. It learns what has left only after each half of the bound, and would turn away
// frames that have credit if there were less than twice as many places as credits and a welcome need.
int high_water(std::uint32_t credits) noexcept { return 2 * (static_cast<int>(credits) + 2); }

std::string address_of(zmq_msg_t* message) {
    const char* address = zmq_msg_gets(message, "Peer-Address");
    return address == nullptr || *address == '\0' ? "a receiver on this host" : address;
}

wire::Bytes bytes_of(const std::string& text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

SenderOptions checked(SenderOptions options) {
    if (options.credits < 1 || options.credits > wire::kMaxFrameCredits) {
        throw Error(Errc::invalid_argument, "credits must be 1 to " + std::to_string(wire::kMaxFrameCredits) +
                                                ", not " + std::to_string(options.credits));
    }
    if (options.max_receivers < 1 || options.silence < 2 * kLook) {
        throw Error(Errc::invalid_argument,
                    "a sender takes 1 receiver or more, and waits half a second or more for each");
    }
    return options;
}

}  // namespace

OutgoingFrame frame_in(std::shared_ptr<const shm::Lease> lease, std::string note) {
    const ConstImageView image = lease->image();
    return {.tag = lease->tag(),
            .width = image.width,
            .height = image.height,
            .stride = image.stride,
            .encoding = wire::encoding_of(image.format),
            .payload = {image.data, image.size_bytes()},
            .owner = std::move(lease),
            .note = std::move(note)};
}

class FrameSender::Impl {
  public:
    Impl(const std::string& address, SenderOptions options)
        : options_(checked(std::move(options))),
          socket_(ZMQ_ROUTER, address, options_.keys.has_value(), options_.insecure),
          book_(options_.credits, options_.max_receivers) {
        socket_.set(ZMQ_ROUTER_MANDATORY, 1);
        socket_.set(ZMQ_SNDHWM, high_water(options_.credits));
        socket_.set(ZMQ_RCVHWM, kWantsKept);
        socket_.limit(wire::kMaxToSender);
        if (options_.keys) socket_.secure(*options_.keys);
        socket_.bind(options_.max_receivers + kStrangers, {.bytes = kUnfinished, .patience = options_.silence});
    }

    ~Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    bool poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, SenderEvents& events) {
        const auto deadline = Clock::now() + timeout;
        for (;;) {
            const bool came = serve(events);
            const auto left = came ? Clock::duration::zero() : deadline - Clock::now();
            const auto slice = std::clamp<Clock::duration>(left, Clock::duration::zero(), kLook);
            if (socket_.wait(slice, wake_fds, events.readable_fds)) static_cast<void>(serve(events));
            if (came || events.wants > 0 || !events.notes.empty() || !events.readable_fds.empty()) return true;
            if (Clock::now() >= deadline) return false;
        }
    }

    bool drain(std::chrono::nanoseconds timeout) {
        const auto deadline = Clock::now() + timeout;
        const auto is_done = [](const auto& entry) {
            return entry.second.has_all() || entry.second.connection.is_gone();
        };
        while (socket_.is_ours() && !std::ranges::all_of(book_.rows(), is_done)) {
            SenderEvents events;
            const auto left = deadline - Clock::now();
            if (left <= Clock::duration::zero()) return false;
            static_cast<void>(poll(std::min<std::chrono::nanoseconds>(left, kGoneLook), {}, events));
        }
        return true;
    }

    bool has_room(const std::string& stream) const noexcept {
        return std::ranges::none_of(book_.rows(), [&stream](const auto& entry) {
            const ReceiverRow& row = entry.second;
            return row.delivery == wire::Delivery::lossless && row.wants(stream) && !row.has_room();
        });
    }

    bool try_send(OutgoingFrame frame) {
        check(frame);
        if (!has_room(frame.tag.stream)) return false;
        offer(std::move(frame));
        return true;
    }

    void offer(OutgoingFrame frame) {
        check(frame);
        offer_all(std::make_shared<Outgoing>(std::move(frame)));
    }

    void offer_encoded(OutgoingFrame pixels, Encode encode) {
        check(pixels);
        if (pixels.encoding == wire::Encoding::jpeg) throw Error(Errc::invalid_argument, "a JPEG is encoded already");
        const auto frame = std::make_shared<Outgoing>(std::move(pixels), std::move(encode));
        try {
            offer_all(frame);
            if (frame.use_count() > 1) frame->move_out();
        } catch (...) {
            for (auto& [route, row] : book_.rows()) row.drop(frame);
            throw;
        }
    }

    [[nodiscard]] std::vector<ReceiverInfo> receivers() const {
        std::vector<ReceiverInfo> infos;
        for (const auto& [route, row] : book_.rows()) {
            infos.push_back({.session = row.session,
                             .delivery = row.delivery,
                             .stream = row.stream,
                             .address = row.address,
                             .sent = row.sent,
                             .received = row.received,
                             .skipped = row.skipped});
        }
        return infos;
    }

    [[nodiscard]] const std::string& address() const noexcept { return socket_.address(); }
    [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

  private:
    [[nodiscard]] ConnectionId connection_of(zmq_msg_t* message) const noexcept {
        std::string_view place = socket_.address();
        place.remove_prefix(place.find("//") + 2);
        return {message, place};
    }

    void offer_all(const std::shared_ptr<Outgoing>& frame) {
        auto row = book_.rows().begin();
        try {
            while (row != book_.rows().end()) {
                const bool is_gone = row->second.wants(frame->stream()) && !give(row->first, row->second, frame);
                row = is_gone ? book_.rows().erase(row) : std::next(row);
            }
        } catch (...) {  // `give` has counted its own
            for (++row; row != book_.rows().end(); ++row) {
                if (row->second.wants(frame->stream())) ++row->second.skipped;
            }
            throw;
        }
    }

    // Takes what has come; false if nothing has.
    bool serve(SenderEvents& events) {
        const std::size_t notes = events.notes.size();
        refused_ += socket_.attend(events.notes);
        const std::size_t wants = events.wants;
        for (int i = 0; i < kMaxMessagesPerPoll; ++i) {
            const auto parts = socket_.try_receive();
            if (!parts) break;
            take(*parts, events);
        }
        socket_.end_excess(events.notes);
        cut_off_silent(events);
        return events.wants > wants || events.notes.size() > notes;
    }

    void take(const Parts& parts, SenderEvents& events) {
        const wire::Bytes id = parts.kept.front()->bytes();
        const std::string route(reinterpret_cast<const char*>(id.data()), id.size());
        if (parts.count < 2) return;
        zmq_msg_t* message = parts.kept[1]->raw();
        const auto parsed = parts.count == 2 ? wire::parse_want(parts.kept[1]->bytes()) : std::nullopt;
        const Heard heard = parsed ? book_.hear(route, *parsed, Clock::now()) : Heard::malformed;
        if (heard == Heard::malformed || heard == Heard::full) return turn_away(route, message, heard, events);
        ++events.wants;
        ReceiverRow& row = *book_.find(route);
        if (heard == Heard::welcome) {
            row.connection = connection_of(message);
            row.address = address_of(message);
        }
        if (!answer(route, row, heard)) book_.forget(route);
    }

    void turn_away(const std::string& route, zmq_msg_t* message, Heard heard, SenderEvents& events) {
        socket_.end(connection_of(message));
        book_.forget(route);
        if (heard == Heard::malformed) ++malformed_;
        if (!events.notes.empty()) return;  // a stranger must not fill the log
        events.notes.push_back("cut off " + address_of(message) +
                               (heard == Heard::full ? ": there are too many receivers"
                                                     : ": it sent something that is no want of a receiver"));
    }

    // False when the receiver has gone.
    bool answer(const std::string& route, ReceiverRow& row, Heard heard) {
        if (heard == Heard::welcome) {
            if (socket_.try_send(bytes_of(route), true) != Sent::yes) return false;
            static_cast<void>(socket_.try_send(wire::serialise_frame_welcome(row.session), false));
        }
        if (!row.waiting || !row.has_room()) return true;
        return give(route, row, std::exchange(row.waiting, nullptr));
    }

    // Sends the frame, or keeps it as the newest. False when the receiver has gone. What cannot be sent, as there is no
    // memory to encode it, is left out, and said.
    bool give(const std::string& route, ReceiverRow& row, const std::shared_ptr<Outgoing>& outgoing) {
        if (!row.has_room()) {
            row.keep(outgoing);
            return true;
        }
        try {
            return send(route, row, outgoing);
        } catch (...) {
            ++row.skipped;
            throw;
        }
    }

    bool send(const std::string& route, ReceiverRow& row, const std::shared_ptr<Outgoing>& outgoing) {
        const OutgoingFrame& frame = outgoing->ready();
        // Both are made before the first part is sent: a message must not end in its middle, whatever fails.
        const auto header =
            wire::serialise_frame(header_of(frame, row.session, row.sent, row.skipped), frame.tag.stream);
        LentMessage payload(frame.payload, row.lend(frame.owner));
        const Sent addressed = socket_.try_send(bytes_of(route), true);
        if (addressed == Sent::yes) send_parts(row, header, payload, frame);
        if (addressed == Sent::full) row.keep(outgoing);
        return addressed != Sent::unreachable;
    }

    void send_parts(ReceiverRow& row, wire::Bytes header, LentMessage& payload, const OutgoingFrame& frame) {
        static_cast<void>(socket_.try_send(header, true));
        static_cast<void>(socket_.try_send(payload.raw(), true));
        static_cast<void>(socket_.try_send(bytes_of(frame.note), false));
        ++row.sent;
    }

    void cut_off_silent(SenderEvents& events) {
        for (const ReceiverRow& row : book_.take_silent(Clock::now() - options_.silence)) {
            if (row.connection.is_gone()) continue;  // it has left by itself
            socket_.end(row.connection);
            events.notes.push_back("cut off " + row.address + ": nothing was heard of it for " +
                                   std::to_string(std::chrono::ceil<std::chrono::seconds>(options_.silence).count()) +
                                   " s; frames on their way: " + std::to_string(row.sent - row.received));
        }
    }

    SenderOptions options_;
    NetSocket socket_;
    ReceiverBook book_;
    std::uint64_t malformed_ = 0;
    std::uint64_t refused_ = 0;
};

FrameSender::FrameSender(const std::string& address, SenderOptions options)
    : impl_(std::make_unique<Impl>(address, std::move(options))) {}
FrameSender::~FrameSender() = default;

const std::string& FrameSender::address() const noexcept { return impl_->address(); }
std::vector<ReceiverInfo> FrameSender::receivers() const { return impl_->receivers(); }
std::uint64_t FrameSender::malformed() const noexcept { return impl_->malformed(); }
std::uint64_t FrameSender::refused() const noexcept { return impl_->refused(); }
bool FrameSender::has_room(const std::string& stream) const noexcept { return impl_->has_room(stream); }
bool FrameSender::drain(std::chrono::nanoseconds timeout) { return impl_->drain(timeout); }
bool FrameSender::try_send(OutgoingFrame frame) { return impl_->try_send(std::move(frame)); }
void FrameSender::offer(OutgoingFrame frame) { impl_->offer(std::move(frame)); }
void FrameSender::offer_encoded(OutgoingFrame pixels, Encode encode) {
    impl_->offer_encoded(std::move(pixels), std::move(encode));
}

bool FrameSender::poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, SenderEvents& events) {
    return impl_->poll(timeout, wake_fds, events);
}

}  // namespace framehop::hop
