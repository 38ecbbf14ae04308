// How holders leave, by right and by accident, and what the host makes of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "framehop/base/failpoint.hpp"
#include "framehop/shm/host.hpp"
#include "framehop/shm/reader.hpp"
#include "framehop/shm/ring.hpp"
#include "shm_other_process.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

using namespace std::chrono_literals;

class DepartureTest : public ::testing::Test {
  protected:
    SlotId publish(Ring& ring, std::int64_t seq = 1) {
        const auto slot = ring.try_acquire(tag_of(seq));
        static_cast<void>(slot->image(1, 1));
        return slot->publish().id();
    }
    [[nodiscard]] bool holds(pid_t pid) {
        return std::ranges::any_of(host.holders(), [pid](const HolderInfo& holder) { return holder.pid == pid; });
    }

    PrivateDirectory directory;
    std::string path{directory.socket()};
    RingHost host{path, {.slot_count = 3, .tap_quota = 2, .slot_bytes = 4096}};
};

TEST_F(DepartureTest, a_reader_killed_between_its_bit_and_the_bell_leaves_no_writer_asleep) {
    Ring ring(attach(path, Role::writer, kLong));
    const auto first = ring.try_acquire(tag_of(1));
    const auto second = ring.try_acquire(tag_of(2));
    const SlotId id = publish(ring, 3);
    int go[2];
    ASSERT_EQ(::pipe(go), 0);
    OtherProcess reader([&](const OtherProcess::Ready& ready) {
        RingReader mine(attach(path, Role::detector, kLong));
        auto lease = mine.try_lease(id);
        ready();
        char byte = 0;
        static_cast<void>(!::read(go[0], &byte, 1));
        arm_failpoint("lease.dropped", 1);
        lease.reset();
    });
    ASSERT_TRUE(ring.retire(id));
    std::shared_ptr<Slot> got;
    {
        const std::jthread writer([&] { got = ring.wait_acquire(tag_of(4), 1h); });
        const auto& waiters = ring.membership().control().header().bell.waiters;
        EXPECT_TRUE(until([&] { return waiters.load() != 0; }));
        ASSERT_EQ(::write(go[1], "+", 1), 1);
        EXPECT_EQ(WTERMSIG(reader.wait()), SIGKILL) << "it died where it should";
    }
    ASSERT_TRUE(got);
    EXPECT_EQ(got->id().slot, id.slot);
    for (const int fd : go) ::close(fd);
}

// As a program does that closes descriptors which it did not open.
void close_all_sockets() {
    std::vector<int> sockets;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry, gone).string().starts_with("socket:")) {
            sockets.push_back(std::stoi(entry.path().filename()));
        }
    }
    for (const int fd : sockets) ::close(fd);
}

TEST_F(DepartureTest, a_living_holder_that_lost_its_connection_while_it_leased_nothing_keeps_its_place) {
    Ring ring(attach(path, Role::writer, kLong));
    const SlotId id = publish(ring);
    int go[2];
    ASSERT_EQ(::pipe(go), 0);
    OtherProcess reader([&](const OtherProcess::Ready& ready) {
        RingReader mine(attach(path, Role::detector, kLong));
        close_all_sockets();
        ready();
        char byte = 0;
        static_cast<void>(!::read(go[0], &byte, 1));
        const auto lease = mine.try_lease(id);
        for (;;) ::pause();
    });
    const auto other = attach(path, Role::detector, kLong);
    ASSERT_TRUE(holds(reader.pid()));
    RingReader second(other);
    {
        const auto lease = second.try_lease(id);
        ASSERT_EQ(::write(go[1], "+", 1), 1);
        ASSERT_TRUE(until([&] { return host.slots()[id.slot].leases == 2; })) << "each has a bit of its own";
    }
    EXPECT_EQ(host.slots()[id.slot].leases, 1U) << "one's end is not the other's";
    for (const int fd : go) ::close(fd);
}

TEST_F(DepartureTest, a_writer_that_lost_its_connection_gets_no_second_beside_it) {
    OtherProcess writer([&](const OtherProcess::Ready& ready) {
        Ring mine(attach(path, Role::writer, kLong));
        close_all_sockets();
        ready();
        for (;;) ::pause();
    });
    EXPECT_EQ(code_of([&] { static_cast<void>(attach(path, Role::writer, kLong)); }), "refused");
    ::kill(writer.pid(), SIGKILL);
    static_cast<void>(writer.wait());
    EXPECT_NO_THROW(attach(path, Role::writer, kLong));
}

TEST_F(DepartureTest, a_holder_that_turned_to_another_program_pins_nothing) {
    Ring ring(attach(path, Role::writer, kLong));
    const SlotId id = publish(ring);
    int ready_and_standing[2];
    ASSERT_EQ(::pipe(ready_and_standing), 0);
    OtherProcess reader([&](const OtherProcess::Ready& ready) {
        RingReader mine(attach(path, Role::detector, kLong));
        const auto lease = mine.try_lease(id);
        if (!lease) ::_exit(1);
        ready();
        // It reads a pipe that never ends, and lives on.
        ::dup2(ready_and_standing[0], STDIN_FILENO);
        ::execlp("cat", "cat", nullptr);
        ::_exit(1);
    });
    ASSERT_TRUE(ring.retire(id));
    EXPECT_TRUE(until([&] { return ring.free_slots() == 3; }));
    EXPECT_TRUE(until([&] { return !holds(reader.pid()); }));
    EXPECT_EQ(::kill(reader.pid(), 0), 0) << "the process is there, under another program";
    for (const int fd : ready_and_standing) ::close(fd);
}

TEST_F(DepartureTest, who_fails_after_its_welcome_leaves_no_place_behind) {
    {
        AttachCall call(path, Role::writer);
        ASSERT_TRUE(call.wait(kLong));
    }
    EXPECT_NO_THROW(attach(path, Role::writer, kLong));
}

TEST_F(DepartureTest, what_is_no_goodbye_gives_up_no_place) {
    UniqueFd connection = connect_to(path);
    const AttachRequest request{.role = static_cast<std::uint32_t>(Role::detector)};
    ASSERT_TRUE(try_send(connection.get(), std::as_bytes(std::span(&request, 1)), {}));
    ASSERT_TRUE(wait_readable(connection.get(), kLong));
    ASSERT_TRUE(try_send(connection.get(), std::as_bytes(std::span(&request, 1)), {}));
    static_cast<void>(attach(path, Role::tap, kLong));
    EXPECT_TRUE(until([&] { return host.holders().size() == 1; })) << "the tap is gone, and it is not";
}

TEST_F(DepartureTest, bits_that_nobody_holds_are_gone_when_a_writer_comes) {
    SlotId id;
    {
        Ring ring(attach(path, Role::writer, kLong));
        id = publish(ring);
        ring.membership().control().slot(id.slot).word.fetch_or(SlotWord::lease_bit(17));
    }
    const Ring successor(attach(path, Role::writer, kLong));
    EXPECT_EQ(successor.free_slots(), 3U);
    EXPECT_EQ(host.reclaimed(), 1U);
}

bool is_readable(int fd) {
    pollfd look{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

TEST_F(DepartureTest, a_tap_learns_that_the_writer_and_the_host_are_gone) {
    const RingReader tap(attach(path, Role::tap, kLong));
    EXPECT_TRUE(tap.alive());
    EXPECT_FALSE(tap.has_writer());
    EXPECT_FALSE(is_readable(tap.fd()));
    {
        const Ring ring(attach(path, Role::writer, kLong));
        ASSERT_TRUE(wait_readable(tap.fd(), kLong));
        EXPECT_TRUE(tap.alive());
        EXPECT_TRUE(tap.has_writer());
        EXPECT_FALSE(is_readable(tap.fd())) << "it was asked";
    }
    ASSERT_TRUE(wait_readable(tap.fd(), kLong));
    EXPECT_TRUE(tap.alive());
    EXPECT_FALSE(tap.has_writer());
    host.close();
    ASSERT_TRUE(wait_readable(tap.fd(), kLong));
    EXPECT_FALSE(tap.alive());
    EXPECT_FALSE(tap.alive());
}

TEST_F(DepartureTest, a_tap_that_could_never_see_a_picture_is_refused) {
    Ring ring(attach(path, Role::writer, kLong));
    const SlotId first = publish(ring, 1);
    const SlotId second = publish(ring, 2);
    RingReader greedy(attach(path, Role::tap, kLong));
    const auto one = greedy.try_lease(first);
    const auto two = greedy.try_lease(second);
    ASSERT_TRUE(one && two) << "it is alone";
    RingReader late(attach(path, Role::tap, kLong));
    EXPECT_FALSE(late.try_lease(first));
    try {
        static_cast<void>(attach(path, Role::tap, kLong));
        FAIL() << "three taps, two slots";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::refused);
        EXPECT_NE(std::string(error.what()).find("2 slots for taps"), std::string::npos);
    }
}

TEST_F(DepartureTest, an_attachment_without_a_descriptor_left_names_the_limit) {
    OtherProcess reader([&](const OtherProcess::Ready& ready) {
        // So many that only the socket is left; the welcome brings two.
        std::vector<UniqueFd> all;
        rlimit limit{.rlim_cur = 64, .rlim_max = 64};
        ::setrlimit(RLIMIT_NOFILE, &limit);
        for (UniqueFd fd(::dup(0)); fd; fd = UniqueFd(::dup(0))) all.push_back(std::move(fd));
        for (const int spare : {0, 1, 2}) {
            for (int i = 0; i < spare; ++i) all.pop_back();
            try {
                static_cast<void>(attach(path, Role::detector, kLong));
                ::_exit(2);
            } catch (const Error& error) {
                const bool named = std::string(error.what()).find("ulimit -n") != std::string::npos;
                if (error.code() != Errc::system || !named) ::_exit(3);
            }
            for (int i = 0; i < spare; ++i) all.emplace_back(::dup(0));
        }
        ready();
        ::_exit(0);
    });
    EXPECT_EQ(reader.wait(), 0);
    EXPECT_TRUE(until([&] { return host.holders().empty(); }));
}

// The door's socket, the two memories, the pixels once more to be read only, and what ends the thread.
constexpr int kOfAHost = 5;

// Whether a host with `spare` descriptors is refused, and says why.
bool is_refused_with(int spare, const std::string& path) {
    rlimit limit{.rlim_cur = 64, .rlim_max = 64};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<UniqueFd> all;
    for (UniqueFd fd(::dup(0)); fd; fd = UniqueFd(::dup(0))) all.push_back(std::move(fd));
    for (int i = 0; i < spare; ++i) all.pop_back();
    try {
        const RingHost host(path, plan_geometry(2, 4096, 0));
        return false;
    } catch (const Error& error) {
        return error.code() == Errc::system && std::string(error.what()).find("ulimit -n") != std::string::npos;
    }
}

TEST(RingHost, without_descriptors_is_refused_and_names_the_limit) {
    const PrivateDirectory directory;
    for (int spare = 0; spare < kOfAHost; ++spare) {
        OtherProcess host([&](const OtherProcess::Ready& ready) {
            ready();
            ::_exit(is_refused_with(spare, directory.socket()) ? 0 : 1);
        });
        EXPECT_EQ(host.wait(), 0) << spare << " descriptors were left";
        EXPECT_FALSE(std::filesystem::exists(directory.socket()));
    }
}

}  // namespace
}  // namespace framehop::shm
