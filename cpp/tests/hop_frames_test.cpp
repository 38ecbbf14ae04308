// Frames between hosts: pictures arrive as they are, as many as there is credit for, and are encoded once.
#include "hop_frames.hpp"

namespace framehop::hop {
namespace {

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

}  // namespace
}  // namespace framehop::hop
