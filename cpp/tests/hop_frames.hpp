// The two ends of frames between hosts, over real sockets, and a ring that the sender's pictures lie in.
#pragma once

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

using namespace std::chrono_literals;  // NOLINT: of tests alone
inline constexpr auto kDeadline = 30s;
inline constexpr std::uint32_t kWidth = 1280;
inline constexpr std::uint32_t kHeight = 720;
inline constexpr std::uint32_t kTap = 1;
inline constexpr const char* kAnyPort = "tcp://127.0.0.1:0";

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
        const auto deadline = std::chrono::steady_clock::now() + kDeadline;
        while (!done()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
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

inline wire::Buffer want(std::uint64_t session, std::uint64_t received, std::uint32_t credits) {
    return wire::serialise_want(
        {.session = session, .received = received, .credits = credits, .delivery = wire::Delivery::lossless}, "");
}

}  // namespace framehop::hop
