// Two threads on one queue of the shared-memory link, with the bell between them. Under ThreadSanitizer this also
// proves the memory orders.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "framehop/base/unique_fd.hpp"
#include "shm_queue.hpp"

namespace framehop::hop {
namespace {

constexpr std::uint64_t kMessages = 200'000;
constexpr std::uint64_t kCapacity = 4096;  // so small that it is often full, and wraps in the middle of messages
constexpr std::size_t kMost = 300;

wire::Buffer message_of(std::uint64_t number) {
    return wire::Buffer(number * 7 % kMost, static_cast<std::uint8_t>(number));
}

struct Queue {
    QueueIndices indices{};
    std::vector<std::byte> data = std::vector<std::byte>(kCapacity);
    UniqueFd bell{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    [[nodiscard]] QueueMemory memory() { return {&indices, data.data(), kCapacity}; }
};

void write_all(Queue& queue) {
    QueueWriter writer(queue.memory());
    for (std::uint64_t i = 0; i < kMessages; ++i) {
        const wire::Buffer message = message_of(i);
        while (!writer.try_push(message)) std::this_thread::yield();
        if (writer.reader_sleeps()) static_cast<void>(::eventfd_write(queue.bell.get(), 1));
    }
}

// False when nobody rang for a minute.
bool sleep_until_rung(const Queue& queue) {
    pollfd watched{.fd = queue.bell.get(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 60'000) != 1) return false;
    eventfd_t count = 0;
    return ::eventfd_read(queue.bell.get(), &count) == 0;
}

TEST(QueueStress, every_message_arrives_whole_and_no_wake_is_lost) {
    Queue queue;
    QueueReader reader(queue.memory(), kMost);
    const std::jthread writer([&] { write_all(queue); });
    wire::Buffer message;
    for (std::uint64_t i = 0; i < kMessages; ++i) {
        Popped popped = reader.try_pop(message);
        while (popped == Popped::nothing) {
            reader.say_asleep(true);
            ASSERT_TRUE(!reader.empty() || sleep_until_rung(queue)) << "a lost wake at message " << i;
            reader.say_asleep(false);
            popped = reader.try_pop(message);
        }
        ASSERT_EQ(popped, Popped::message);
        ASSERT_EQ(message, message_of(i));
    }
}

}  // namespace
}  // namespace framehop::hop
