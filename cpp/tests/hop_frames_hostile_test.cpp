// Frames between hosts: peers that stop, go, send garbage or have no key, against each other and against bare libzmq.
#include "hop_frames.hpp"

namespace framehop::hop {
namespace {

using Clock = std::chrono::steady_clock;

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
