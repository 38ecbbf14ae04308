// Frames between hosts: the two ends over real sockets, against each other and against bare libzmq.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/hop/frame_receiver.hpp"
#include "framehop/hop/frame_sender.hpp"
#include "framehop/shm/reader.hpp"
#include "framehop/shm/ring.hpp"
#include "hop_raw_socket.hpp"
#include "lent_message.hpp"
#include "shm_test_ring.hpp"

namespace framehop::hop {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr auto kDeadline = 30s;
constexpr std::uint32_t kWidth = 1280;
constexpr std::uint32_t kHeight = 720;
constexpr std::uint32_t kTap = 1;
constexpr const char* kAnyPort = "tcp://127.0.0.1:0";

class Frames : public testing::Test {
  protected:
    std::shared_ptr<const shm::Lease> lease(std::int64_t seq) {
        const auto slot = writer.wait_acquire(shm::tag_of(seq), kDeadline);
        const ImageView image = slot->image(kWidth, kHeight);
        std::fill(image.data, image.data + image.size_bytes(), static_cast<std::uint8_t>(seq));
        const shm::SlotId id = slot->publish().id();
        auto taken = std::make_shared<const shm::Lease>(*reader.try_lease(id));
        EXPECT_TRUE(writer.retire(id));
        return taken;
    }
    static OutgoingFrame jpeg(std::int64_t seq, std::size_t bytes) {
        const auto owner = std::make_shared<const std::vector<std::uint8_t>>(bytes);
        return {.tag = shm::tag_of(seq),
                .width = 8,
                .height = 8,
                .stride = 0,
                .encoding = wire::Encoding::jpeg,
                .payload = *owner,
                .owner = owner,
                .note = {}};
    }
    // Makes a JPEG of one byte, the picture's first, and counts in `encoded` how often it was asked.
    static Encode counting(int& encoded) {
        return [&encoded](const ConstImageView& pixels) {
            ++encoded;
            return std::vector<std::uint8_t>{pixels.data[0]};
        };
    }
    std::uint32_t leases() { return test_ring.table().leases_of(kTap); }

    FrameSender& send_at(const std::string& address, SenderOptions options) {
        return *(sender = std::make_unique<FrameSender>(address, std::move(options)));
    }
    static SenderOptions open_to_all() {
        SenderOptions options;
        options.insecure = true;
        return options;
    }
    static ReceiverOptions of_all(wire::Delivery delivery, std::uint32_t credits = 4) {
        ReceiverOptions options;
        options.insecure = true;
        options.delivery = delivery;
        options.credits = credits;
        return options;
    }

    // Polls both ends until `done`.
    template <class Done>
    void run(FrameReceiver* receiver, Done done) {
        const auto deadline = Clock::now() + kDeadline;
        while (!done()) {
            ASSERT_LT(Clock::now(), deadline);
            static_cast<void>(sender->poll(2ms, {}, heard));
            if (receiver != nullptr) static_cast<void>(receiver->poll(2ms, {}, seen));
        }
    }
    void meet(FrameReceiver& receiver) {
        run(&receiver, [&] { return receiver.session() != 0; });
    }
    [[nodiscard]] std::vector<std::int64_t> seqs() const {
        std::vector<std::int64_t> found;
        for (const IncomingFrame& frame : seen.frames) found.push_back(frame.header.seq);
        return found;
    }

    shm::TestRing test_ring{{.slot_count = 16, .tap_quota = 0, .slot_bytes = 4U << 20}};
    shm::Ring writer{test_ring.member(shm::Role::writer, 0)};
    shm::RingReader reader{test_ring.member(shm::Role::detector, kTap)};
    std::unique_ptr<FrameSender> sender;
    SenderEvents heard;
    ReceiverEvents seen;
};

wire::Buffer want(std::uint64_t session, std::uint64_t received, std::uint32_t credits) {
    return wire::serialise_want(
        {.session = session, .received = received, .credits = credits, .delivery = wire::Delivery::lossless}, "");
}

TEST_F(Frames, a_message_lies_in_the_slot_and_its_end_ends_the_lease) {
    auto held = lease(1);
    const std::uint8_t* slot = held->image().data;
    {
        const OutgoingFrame frame = frame_in(std::move(held));
        LentMessage message(frame.payload, frame.owner);
        EXPECT_EQ(zmq_msg_data(message.raw()), slot);
        EXPECT_EQ(zmq_msg_size(message.raw()), std::size_t{3} * kWidth * kHeight);
    }
    EXPECT_EQ(leases(), 0U);
}

TEST_F(Frames, the_lease_lasts_as_long_as_libzmq_has_the_message) {
    const OutgoingFrame frame = frame_in(lease(1));
    auto message = std::make_unique<LentMessage>(frame.payload, frame.owner);
    OutgoingFrame gone = frame;
    gone = {};
    EXPECT_EQ(leases(), 1U);
    message.reset();
    EXPECT_EQ(leases(), 1U);  // `frame` is still here
}

TEST_F(Frames, pixels_and_note_arrive_and_the_slot_comes_back) {
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::lossless));
    meet(receiver);
    ASSERT_TRUE(sender->try_send(frame_in(lease(5), R"({"a":1})")));
    run(&receiver, [&] { return !seen.frames.empty(); });
    const IncomingFrame& frame = seen.frames.front();
    EXPECT_EQ(frame.stream, "cam-5");
    EXPECT_EQ(frame.header.width, kWidth);
    EXPECT_EQ(frame.payload.size(), std::size_t{3} * kWidth * kHeight);
    EXPECT_TRUE(std::ranges::all_of(frame.payload, [](std::uint8_t value) { return value == 5; }));
    EXPECT_EQ(std::string(frame.note.begin(), frame.note.end()), R"({"a":1})");
    run(&receiver, [&] { return leases() == 0; });
}

TEST_F(Frames, planes_arrive_as_they_are) {
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::lossless));
    meet(receiver);
    const auto slot = writer.wait_acquire(shm::tag_of(1), kDeadline);
    std::uint8_t value = 1;
    for (const auto& plane : planes_of(slot->image(639, 359, PixelFormat::nv12))) {
        std::fill_n(plane.data, std::size_t{plane.stride} * plane.height, value++);
    }
    ASSERT_TRUE(
        sender->try_send(frame_in(std::make_shared<const shm::Lease>(*reader.try_lease(slot->publish().id())))));
    run(&receiver, [&] { return !seen.frames.empty(); });
    const auto planes = planes_of(image_in(seen.frames.front()));
    ASSERT_EQ(planes.size(), 2U);
    const auto& colour = planes[1];
    EXPECT_EQ(colour.width, 320U);
    EXPECT_EQ(colour.height, 180U);
    EXPECT_EQ(*(colour.data - 1), 1);
    EXPECT_EQ(*colour.data, 2);
    EXPECT_EQ(*(colour.data + std::size_t{colour.stride} * colour.height - 1), 2);
}

TEST_F(Frames, a_jpeg_is_no_view) {
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::lossless));
    meet(receiver);
    ASSERT_TRUE(sender->try_send(jpeg(1, 100)));
    run(&receiver, [&] { return !seen.frames.empty(); });
    EXPECT_THROW(static_cast<void>(image_in(seen.frames.front())), Error);
}

TEST_F(Frames, nothing_is_skipped_when_lossless) {
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::lossless, 3));
    meet(receiver);
    std::int64_t next = 0;
    run(&receiver, [&] {
        if (next < 20 && sender->has_room("cam")) {
            EXPECT_TRUE(sender->try_send(frame_in(lease(next++))));
        }
        return seen.frames.size() == 20;
    });
    std::vector<std::int64_t> all(20);
    for (std::int64_t i = 0; i < 20; ++i) all[static_cast<std::size_t>(i)] = i;
    EXPECT_EQ(seqs(), all);
    EXPECT_EQ(seen.frames.back().header.skipped, 0U);
}

TEST_F(Frames, credits_are_never_exceeded) {
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::lossless, 2));
    meet(receiver);
    EXPECT_TRUE(sender->try_send(frame_in(lease(0))));
    EXPECT_TRUE(sender->try_send(frame_in(lease(1))));
    EXPECT_FALSE(sender->try_send(frame_in(lease(2))));
    EXPECT_EQ(sender->receivers().front().sent, 2U);
}

TEST_F(Frames, the_sender_may_grant_less_than_was_asked_for) {
    SenderOptions options = open_to_all();
    options.credits = 1;
    FrameReceiver receiver(send_at(kAnyPort, options).address(), of_all(wire::Delivery::lossless, 8));
    meet(receiver);
    EXPECT_TRUE(sender->try_send(frame_in(lease(0))));
    EXPECT_FALSE(sender->try_send(frame_in(lease(1))));
}

TEST_F(Frames, latest_gets_the_newest_for_each_credit) {
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::latest));
    meet(receiver);
    for (std::int64_t seq = 0; seq < 6; ++seq) EXPECT_TRUE(sender->try_send(frame_in(lease(seq))));
    EXPECT_LE(leases(), 2U);  // one on its way, and the newest
    run(&receiver, [&] { return seen.frames.size() == 2; });
    EXPECT_EQ(seqs(), (std::vector<std::int64_t>{0, 5}));
    EXPECT_EQ(seen.frames.back().header.skipped, 4U);
}

TEST_F(Frames, a_picture_is_encoded_once_however_many_take_it) {
    FrameReceiver first(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::latest));
    FrameReceiver second(sender->address(), of_all(wire::Delivery::lossless));
    meet(first);
    meet(second);
    int encoded = 0;
    sender->offer_encoded(frame_in(lease(3), "three"), counting(encoded));
    EXPECT_EQ(encoded, 1);
    EXPECT_EQ(leases(), 0U);
    run(&first, [&] { return !seen.frames.empty(); });
    run(&second, [&] { return seen.frames.size() == 2; });
    for (const IncomingFrame& frame : seen.frames) {
        EXPECT_EQ(frame.header.encoding, wire::Encoding::jpeg);
        EXPECT_EQ(frame.header.width, kWidth);
        EXPECT_EQ(frame.payload[0], 3);
        EXPECT_EQ(frame.note.size(), 5U);
    }
}

TEST_F(Frames, who_has_no_credit_costs_no_encoding_and_no_slot_and_gets_the_newest_with_the_next) {
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::latest));
    meet(receiver);
    int encoded = 0;
    for (std::int64_t seq = 0; seq < 6; ++seq) sender->offer_encoded(frame_in(lease(seq)), counting(encoded));
    EXPECT_EQ(encoded, 1) << "the first had credit, and the others none";
    EXPECT_EQ(leases(), 0U);
    run(&receiver, [&] { return seen.frames.size() == 2; });
    EXPECT_EQ(encoded, 2);
    EXPECT_EQ(seqs(), (std::vector<std::int64_t>{0, 5}));
    EXPECT_EQ(seen.frames.back().payload[0], 5) << "not the pixels of that picture";
    EXPECT_EQ(seen.frames.back().header.skipped, 4U);
}

TEST_F(Frames, those_who_wait_share_one_encoding) {
    FrameReceiver first(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::latest));
    FrameReceiver second(sender->address(), of_all(wire::Delivery::latest));
    meet(first);
    meet(second);
    int encoded = 0;
    sender->offer_encoded(frame_in(lease(0)), counting(encoded));
    sender->offer_encoded(frame_in(lease(1)), counting(encoded));
    EXPECT_EQ(encoded, 1);
    run(&first, [&] { return seen.frames.size() == 2; });
    run(&second, [&] { return seen.frames.size() == 4; });
    EXPECT_EQ(encoded, 2);
}

TEST_F(Frames, what_cannot_be_encoded_is_counted_and_holds_no_slot) {
    FrameReceiver busy(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::latest));
    meet(busy);
    EXPECT_TRUE(sender->try_send(frame_in(lease(0))));
    FrameReceiver idle(sender->address(), of_all(wire::Delivery::latest));
    meet(idle);
    const Encode fails = [](const ConstImageView&) -> std::vector<std::uint8_t> {
        throw Error(Errc::no_memory, "no memory for a JPEG");
    };
    EXPECT_EQ(shm::code_of([&] { sender->offer_encoded(frame_in(lease(1)), fails); }), "no_memory");
    EXPECT_LE(leases(), 1U) << "that of the first, which is on its way";
    std::uint64_t skipped = 0;
    for (const ReceiverInfo& info : sender->receivers()) skipped += info.skipped;
    EXPECT_EQ(skipped, 2U) << "one for each, in whatever order they were asked";
    run(&busy, [&] { return !seen.frames.empty() && leases() == 0; });
    EXPECT_EQ(seqs(), std::vector<std::int64_t>{0});
}

TEST_F(Frames, nothing_is_encoded_for_nobody) {
    send_at(kAnyPort, open_to_all());
    int encoded = 0;
    sender->offer_encoded(frame_in(lease(1)), counting(encoded));
    EXPECT_EQ(encoded, 0);
    EXPECT_EQ(leases(), 0U);
}

TEST_F(Frames, only_the_stream_that_was_asked_for_comes) {
    ReceiverOptions options = of_all(wire::Delivery::lossless);
    options.stream = "cam-2";
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), options);
    meet(receiver);
    for (std::int64_t seq = 0; seq < 4; ++seq) EXPECT_TRUE(sender->try_send(frame_in(lease(seq))));
    run(&receiver, [&] { return !seen.frames.empty() && leases() == 0; });
    EXPECT_EQ(seqs(), std::vector<std::int64_t>{2});
}

TEST_F(Frames, without_receivers_nothing_is_held) {
    send_at(kAnyPort, open_to_all());
    EXPECT_TRUE(sender->try_send(frame_in(lease(1))));
    EXPECT_EQ(leases(), 0U);
}

TEST_F(Frames, a_stopped_receiver_holds_no_more_than_its_credits_and_only_until_it_is_cut_off) {
    SenderOptions options = open_to_all();
    options.silence = 1s;
    RawSocket stopped(ZMQ_DEALER, send_at(kAnyPort, options).address(), false, 1);
    stopped.watch();
    stopped.send(want(0, 0, 64));
    run(nullptr, [&] { return !sender->receivers().empty(); });
    std::int64_t seq = 0;
    while (sender->try_send(frame_in(lease(seq)))) ++seq;
    EXPECT_EQ(seq, 8);
    EXPECT_LE(leases(), 8U);
    EXPECT_GE(leases(), 1U) << "the network took all of it: the picture is too small for this test";
    run(nullptr, [&] { return sender->receivers().empty() && leases() == 0; });
    EXPECT_NE(heard.notes.front().find("nothing was heard of it"), std::string::npos);
    EXPECT_TRUE(sender->try_send(frame_in(lease(seq))));
}

TEST_F(Frames, a_receiver_that_was_cut_off_comes_back_by_itself) {
    SenderOptions options = open_to_all();
    options.silence = 1s;
    FrameReceiver receiver(send_at(kAnyPort, options).address(), of_all(wire::Delivery::latest));
    meet(receiver);
    const std::uint64_t first = receiver.session();
    run(nullptr, [&] { return sender->receivers().empty(); });
    run(&receiver, [&] { return receiver.session() != first; });
    EXPECT_TRUE(sender->try_send(frame_in(lease(3))));
    run(&receiver, [&] { return !seen.frames.empty(); });
}

// libzmq learns late what has left: it would turn some away if its bound were no more than the credits.
TEST_F(Frames, all_credits_may_be_used_at_once) {
    SenderOptions options = open_to_all();
    options.credits = wire::kMaxFrameCredits;
    options.silence = kDeadline;
    RawSocket slow(ZMQ_DEALER, send_at(kAnyPort, options).address(), false, 1);
    slow.send(want(0, 0, options.credits));
    run(nullptr, [&] { return !sender->receivers().empty(); });
    slow.receive();  // the welcome
    for (std::int64_t seq = 0; seq < 20; ++seq) {
        EXPECT_TRUE(sender->try_send(jpeg(seq, 1)));
        for (int part = 0; part < 3; ++part) slow.receive();
    }
    slow.send(want(sender->receivers().front().session, 20, options.credits));
    run(nullptr, [&] { return sender->receivers().front().received == 20; });
    for (std::int64_t seq = 20; seq < 84; ++seq) EXPECT_TRUE(sender->try_send(jpeg(seq, std::size_t{4} << 20)));
    EXPECT_EQ(sender->receivers().front().sent, 84U);
    EXPECT_EQ(sender->receivers().front().skipped, 0U);
}

TEST_F(Frames, a_receiver_that_claims_what_it_has_not_received_holds_no_more_than_its_credits) {
    SenderOptions options = open_to_all();
    options.silence = kDeadline;
    RawSocket liar(ZMQ_DEALER, send_at(kAnyPort, options).address(), false, 1);
    liar.send(want(0, 0, 8));
    run(nullptr, [&] { return !sender->receivers().empty(); });
    for (std::int64_t seq = 0; seq < 40 && leases() <= 8; ++seq) {
        if (sender->try_send(frame_in(lease(seq)))) continue;
        const ReceiverInfo info = sender->receivers().front();
        liar.send(want(info.session, info.sent, 8));
        run(nullptr, [&] { return sender->receivers().front().received == info.sent; });
    }
    EXPECT_LE(leases(), 8U);
}

TEST_F(Frames, closing_the_sender_ends_all_leases) {
    RawSocket stopped(ZMQ_DEALER, send_at(kAnyPort, open_to_all()).address(), false, 1);
    stopped.send(want(0, 0, 64));
    run(nullptr, [&] { return !sender->receivers().empty(); });
    std::int64_t seq = 0;
    while (sender->try_send(frame_in(lease(seq)))) ++seq;
    sender.reset();
    EXPECT_EQ(leases(), 0U);
}

TEST_F(Frames, both_ends_may_go_in_the_middle_of_a_frame) {
    for (std::int64_t round = 0; round < 8; ++round) {
        auto receiver = std::make_unique<FrameReceiver>(send_at(kAnyPort, open_to_all()).address(),
                                                        of_all(wire::Delivery::lossless));
        meet(*receiver);
        EXPECT_TRUE(sender->try_send(frame_in(lease(round))));
        EXPECT_TRUE(sender->try_send(frame_in(lease(round))));
        receiver.reset();
        sender.reset();
        EXPECT_EQ(leases(), 0U);
    }
}

TEST_F(Frames, a_want_that_claims_what_was_never_sent_ends_the_connection) {
    RawSocket liar(ZMQ_DEALER, send_at(kAnyPort, open_to_all()).address(), false);
    liar.watch();
    liar.send(want(0, 0, 1));
    run(nullptr, [&] { return !sender->receivers().empty(); });
    liar.send(want(sender->receivers().front().session, 7, 1));
    run(nullptr, [&] { return sender->malformed() == 1; });
    EXPECT_TRUE(liar.is_lost());
    EXPECT_TRUE(sender->receivers().empty());
}

TEST_F(Frames, naming_no_session_again_gives_no_new_credit) {
    RawSocket greedy(ZMQ_DEALER, send_at(kAnyPort, open_to_all()).address(), false);
    greedy.send(want(0, 0, 1));
    run(nullptr, [&] { return !sender->receivers().empty(); });
    EXPECT_TRUE(sender->try_send(frame_in(lease(0))));
    greedy.send(want(0, 0, 1));
    heard = {};
    run(nullptr, [&] { return heard.wants > 0; });
    EXPECT_FALSE(sender->try_send(frame_in(lease(1))));
}

TEST_F(Frames, garbage_ends_its_senders_connection_and_nobody_elses) {
    FrameReceiver receiver(send_at(kAnyPort, open_to_all()).address(), of_all(wire::Delivery::lossless));
    meet(receiver);
    RawSocket stranger(ZMQ_DEALER, sender->address(), false);
    stranger.watch();
    stranger.send(wire::Buffer(40, 0xff));
    run(&receiver, [&] { return sender->malformed() == 1; });
    EXPECT_TRUE(stranger.is_lost());
    EXPECT_TRUE(sender->try_send(frame_in(lease(1))));
    run(&receiver, [&] { return !seen.frames.empty(); });
}

TEST_F(Frames, more_receivers_than_agreed_are_turned_away) {
    SenderOptions options = open_to_all();
    options.max_receivers = 1;
    FrameReceiver receiver(send_at(kAnyPort, options).address(), of_all(wire::Delivery::latest));
    meet(receiver);
    RawSocket second(ZMQ_DEALER, sender->address(), false);
    second.watch();
    second.send(want(0, 0, 1));
    run(&receiver, [&] { return !heard.notes.empty(); });
    EXPECT_TRUE(second.is_lost());
    EXPECT_EQ(sender->receivers().size(), 1U);
}

TEST_F(Frames, a_hostile_sender_is_only_counted) {
    const shm::PrivateDirectory directory;
    const std::string address = "ipc://" + directory.socket();
    RawSocket hostile(ZMQ_ROUTER, address, true);
    FrameReceiver receiver(address, of_all(wire::Delivery::latest));
    static_cast<void>(receiver.poll(200ms, {}, seen));
    const wire::Buffer peer = hostile.receive();
    static_cast<void>(hostile.receive());
    hostile.send(peer, true);
    hostile.send(wire::Buffer(3, 1));
    hostile.send(peer, true);
    for (int part = 0; part < 5; ++part) hostile.send(wire::Buffer(100, 1), true);
    hostile.send(wire::Buffer(100, 1));
    hostile.send(peer, true);
    hostile.send(wire::serialise_frame_welcome(4));
    const auto deadline = Clock::now() + kDeadline;
    while (receiver.session() != 4 && Clock::now() < deadline) static_cast<void>(receiver.poll(10ms, {}, seen));
    EXPECT_EQ(receiver.session(), 4U);
    EXPECT_EQ(receiver.malformed(), 2U);
    EXPECT_TRUE(seen.frames.empty());
}

TEST_F(Frames, a_network_address_needs_keys) {
    const auto bare = [](const char* address) { FrameSender(address, SenderOptions{}); };
    EXPECT_EQ(shm::code_of([&] { bare(kAnyPort); }), "refused");
    EXPECT_EQ(shm::code_of([&] { bare("inproc://x"); }), "invalid_argument");
    EXPECT_EQ(shm::code_of([] { FrameReceiver("tcp://127.0.0.1:9", ReceiverOptions{}); }), "refused");
    const shm::PrivateDirectory directory;
    EXPECT_EQ(shm::code_of([&] { bare(("ipc://" + directory.socket()).c_str()); }), "");
}

class Keys : public Frames {
  protected:
    SenderOptions secured() {
        SenderOptions options;
        options.keys = SenderKeys{.secret = pair.secret, .receivers = {guest.public_key}};
        return options;
    }
    static ReceiverOptions with(const std::string& secret, const std::string& sender) {
        ReceiverOptions options;
        options.keys = ReceiverKeys{.secret = secret, .sender = sender};
        return options;
    }

    KeyPair pair = make_key_pair();
    KeyPair guest = make_key_pair();
};

TEST_F(Keys, the_right_key_opens) {
    FrameReceiver receiver(send_at(kAnyPort, secured()).address(), with(guest.secret, pair.public_key));
    meet(receiver);
    EXPECT_TRUE(sender->try_send(frame_in(lease(9))));
    run(&receiver, [&] { return !seen.frames.empty(); });
    EXPECT_EQ(seen.frames.front().payload[0], 9);
    run(&receiver, [&] { return leases() == 0; });
}

TEST_F(Keys, another_key_gets_nothing_and_both_ends_say_why) {
    FrameReceiver stranger(send_at(kAnyPort, secured()).address(), with(make_key_pair().secret, pair.public_key));
    run(&stranger, [&] { return sender->refused() > 0 && !seen.notes.empty(); });
    EXPECT_TRUE(sender->receivers().empty());
    EXPECT_EQ(stranger.session(), 0U);
    EXPECT_NE(heard.notes.front().find("127.0.0.1 was refused"), std::string::npos) << heard.notes.front();
    EXPECT_NE(seen.notes.front().find("refused the key"), std::string::npos) << seen.notes.front();
}

TEST_F(Keys, whoever_mistakes_the_sender_gets_nothing) {
    FrameReceiver misled(send_at(kAnyPort, secured()).address(), with(guest.secret, make_key_pair().public_key));
    run(&misled, [&] { return sender->refused() > 0; });
    EXPECT_TRUE(sender->receivers().empty());
    EXPECT_FALSE(heard.notes.empty());
}

TEST_F(Keys, no_key_at_all_gets_nothing) {
    FrameReceiver bare(send_at(kAnyPort, secured()).address(), of_all(wire::Delivery::latest));
    run(&bare, [&] { return sender->refused() > 0; });
    EXPECT_TRUE(sender->receivers().empty());
}

TEST_F(Keys, what_is_no_key_is_refused_in_words) {
    SenderOptions options = secured();
    options.keys->secret = "short";
    EXPECT_EQ(shm::code_of([&] { FrameSender(kAnyPort, options); }), "invalid_argument");
    options = secured();
    options.keys->receivers = {"short"};
    EXPECT_EQ(shm::code_of([&] { FrameSender(kAnyPort, options); }), "invalid_argument");
    EXPECT_EQ(shm::code_of([&] { FrameReceiver("tcp://127.0.0.1:9", with(pair.secret, "x")); }), "invalid_argument");
}

}  // namespace
}  // namespace framehop::hop
