// The host with real processes. Waits are for a condition, with a deadline far beyond any honest delay.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "framehop/shm/attach.hpp"
#include "framehop/shm/door.hpp"
#include "framehop/shm/host.hpp"
#include "framehop/shm/reader.hpp"
#include "framehop/shm/ring.hpp"
#include "shm_other_process.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

using namespace std::chrono_literals;

class HostTest : public ::testing::Test {
  protected:
    SlotId publish(Ring& ring) {
        const auto slot = ring.try_acquire(tag_of(1));
        static_cast<void>(slot->image(1, 1));
        return slot->publish().id();
    }
    [[nodiscard]] bool all_gone() {
        return until([&] { return host.holders().empty(); });
    }

    PrivateDirectory directory;
    std::string path{directory.socket()};
    RingHost host{path, {.slot_count = 3, .tap_quota = 1, .slot_bytes = 4096}};
};

TEST_F(HostTest, serves_a_writer_and_a_reader_in_its_own_process) {
    Ring ring(attach(path, Role::writer, kLong));
    RingReader reader(attach(path, Role::tap, kLong));
    const SlotId id = publish(ring);
    EXPECT_TRUE(reader.try_lease(id));
    EXPECT_EQ(host.holders().size(), 2U);
    EXPECT_EQ(ring.membership().incarnation(), 1U);
}

TEST_F(HostTest, a_second_writer_is_refused_and_told_whose_place_it_is) {
    const Ring ring(attach(path, Role::writer, kLong));
    try {
        static_cast<void>(attach(path, Role::writer, kLong));
        FAIL() << "two writers";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::refused);
        EXPECT_NE(std::string(error.what()).find(std::to_string(::getpid())), std::string::npos);
    }
}

TEST_F(HostTest, a_closed_writers_place_is_free_at_once) {
    for (std::uint32_t incarnation = 1; incarnation < 20; ++incarnation) {
        Ring ring(attach(path, Role::writer, kLong));
        EXPECT_EQ(ring.membership().incarnation(), incarnation);
        ring.close();
    }
}

TEST_F(HostTest, the_leases_of_a_killed_reader_come_back_though_nobody_reaps_it) {
    Ring ring(attach(path, Role::writer, kLong));
    const SlotId id = publish(ring);
    const OtherProcess reader([&](const OtherProcess::Ready& leased) {
        RingReader mine(attach(path, Role::detector, kLong));
        const auto lease = mine.try_lease(id);
        if (!lease) ::_exit(1);
        leased();
        for (;;) ::pause();
    });
    EXPECT_TRUE(ring.retire(id));
    EXPECT_EQ(ring.free_slots(), 2U);
    ::kill(reader.pid(), SIGKILL);
    EXPECT_TRUE(until([&] { return ring.free_slots() == 3; }));
    EXPECT_TRUE(until([&] { return host.reclaimed() == 1; }));
}

TEST_F(HostTest, a_detached_reader_leaves_its_place) {
    RingReader reader(attach(path, Role::tap, kLong));
    EXPECT_EQ(host.holders().size(), 1U);
    reader.close();
    EXPECT_TRUE(all_gone());
    EXPECT_EQ(host.reclaimed(), 0U);
}

TEST_F(HostTest, leases_outlive_the_readers_close_and_its_place_goes_with_the_last) {
    Ring ring(attach(path, Role::writer, kLong));
    const SlotId id = publish(ring);
    RingReader reader(attach(path, Role::detector, kLong));
    auto lease = reader.try_lease(id);
    reader.close();
    EXPECT_EQ(host.holders().size(), 2U);
    lease.reset();
    EXPECT_TRUE(until([&] { return host.holders().size() == 1; }));
}

TEST_F(HostTest, a_living_holder_that_lost_its_connection_keeps_its_leases) {
    Ring ring(attach(path, Role::writer, kLong));
    const SlotId id = publish(ring);
    UniqueFd connection = connect_to(path);
    const AttachRequest request{.role = static_cast<std::uint32_t>(Role::detector)};
    ASSERT_TRUE(try_send(connection.get(), std::as_bytes(std::span(&request, 1)), {}));
    ASSERT_TRUE(wait_readable(connection.get(), kLong));
    AttachReply reply;
    const auto received = try_receive(connection.get(), std::as_writable_bytes(std::span(&reply, 1)));
    ASSERT_TRUE(received && received->fds.size() == 2);
    SlotTable table(std::make_shared<const Control>(received->fds[1].get()));
    ASSERT_TRUE(table.try_lease(id, reply.holder));
    connection.reset();
    // Each of these makes the host look at everybody once more.
    for (int i = 0; i < 3; ++i) static_cast<void>(attach(path, Role::tap, kLong));
    EXPECT_EQ(table.leases_of(reply.holder), 1U);
    table.release(id.slot, reply.holder);
    for (int i = 0; i < 3; ++i) static_cast<void>(attach(path, Role::tap, kLong));
    EXPECT_TRUE(until([&] { return host.holders().size() == 2; }));
    EXPECT_EQ(host.holders().back().index, reply.holder) << "and its place: it said no goodbye, and lives";
}

TEST_F(HostTest, places_are_limited_and_the_refusal_says_so) {
    std::vector<std::shared_ptr<Membership>> members;
    for (std::uint32_t i = 0; i < kMaxHolders; ++i) members.push_back(attach(path, Role::detector, kLong));
    EXPECT_EQ(code_of([&] { static_cast<void>(attach(path, Role::detector, kLong)); }), "refused");
    members.pop_back();
    EXPECT_NO_THROW(attach(path, Role::detector, kLong));
}

TEST_F(HostTest, garbage_is_answered_with_a_refusal) {
    const UniqueFd caller = connect_to(path);
    const char garbage[] = "GET / HTTP/1.1";
    ASSERT_TRUE(try_send(caller.get(), std::as_bytes(std::span(garbage)), {}));
    ASSERT_TRUE(wait_readable(caller.get(), kLong));
    AttachReply reply;
    const auto received = try_receive(caller.get(), std::as_writable_bytes(std::span(&reply, 1)));
    ASSERT_TRUE(received);
    EXPECT_EQ(received->bytes, sizeof reply);
    EXPECT_TRUE(received->fds.empty());
    EXPECT_EQ(reply.verdict, static_cast<std::uint32_t>(Verdict::wrong_version));
}

TEST_F(HostTest, silent_connections_do_not_keep_others_out) {
    std::vector<UniqueFd> silent;
    for (std::size_t i = 0; i < 3 * Door::kMaxWaiting; ++i) silent.push_back(connect_to(path));
    EXPECT_NO_THROW(attach(path, Role::tap, kLong));
}

TEST(Door, a_request_is_heard_however_many_come_behind_it) {
    const PrivateDirectory directory;
    Door door(directory.socket());
    const UniqueFd caller = connect_to(directory.socket());
    const AttachRequest request{.role = static_cast<std::uint32_t>(Role::tap)};
    ASSERT_TRUE(try_send(caller.get(), std::as_bytes(std::span(&request, 1)), {}));
    std::vector<UniqueFd> silent;
    for (std::size_t i = 0; i < 2 * Door::kMaxWaiting; ++i) silent.push_back(connect_to(directory.socket()));
    EXPECT_EQ(door.callers(Clock::now()).size(), 1U);
    EXPECT_TRUE(door.callers(Clock::now()).empty());
}

TEST_F(HostTest, close_leaves_nothing_and_refuses_use) {
    Ring ring(attach(path, Role::writer, kLong));
    host.close();
    host.close();
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(code_of([&] { static_cast<void>(host.slots()); }), "closed");
    EXPECT_EQ(code_of([&] { static_cast<void>(attach(path, Role::tap, kLong)); }), "system");
    publish(ring);  // mapped memory lives on
}

TEST_F(HostTest, a_forked_childs_copy_closes_nothing) {
    auto second = std::make_unique<RingHost>(directory.path() + "/second", Geometry{1, 0, 4096});
    const pid_t child = ::fork();
    if (child == 0) {
        second.reset();
        ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_NO_THROW(attach(second->path(), Role::detector, kLong));
}

// What the names of this process's descriptors begin with, as /proc shows them.
int descriptors_of(std::string_view kind) {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        found += static_cast<int>(std::filesystem::read_symlink(entry, gone).string().starts_with(kind));
    }
    return found;
}

TEST_F(HostTest, a_forked_child_holds_nothing_open) {
    const auto membership = attach(path, Role::tap, kLong);
    ASSERT_EQ(host.holders().size(), 1U);
    ASSERT_GT(descriptors_of("/memfd:"), 0);
    const int sockets = descriptors_of("socket:");
    const pid_t child = ::fork();
    if (child == 0) {
        const bool closed = code_of([&] { static_cast<void>(host.slots()); }) == "closed";
        // The connection of the tap, which is this process's own, has one end left.
        ::_exit(descriptors_of("/memfd:") == 0 && descriptors_of("socket:") <= sockets - 2 && closed ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(host.holders().size(), 1U);
    EXPECT_NO_THROW(attach(path, Role::detector, kLong));
}

TEST(Listener, replaces_a_dead_socket_but_not_a_living_one) {
    const PrivateDirectory directory;
    const std::string path = directory.socket();
    {
        UniqueFd dead(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        std::memcpy(address.sun_path, path.data(), path.size());
        ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    const Listener listener(path);
    EXPECT_EQ(code_of([&] { Listener(path + ""); }), "refused");
    EXPECT_NO_THROW(static_cast<void>(connect_to(path)));
}

TEST(Listener, wants_a_private_directory_and_a_short_path) {
    const PrivateDirectory directory;
    EXPECT_EQ(code_of([&] { Listener(directory.path() + "/" + std::string(120, 'x')); }), "invalid_argument");
    ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
    EXPECT_EQ(code_of([&] { const Listener listener(directory.socket()); }), "refused");
    ASSERT_EQ(::chmod(directory.path().c_str(), 0700), 0);
    EXPECT_NO_THROW(const Listener listener(directory.socket()));
}

TEST(Listener, does_not_touch_a_file_that_is_no_socket) {
    const PrivateDirectory directory;
    const UniqueFd file(::open((directory.socket()).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    EXPECT_EQ(code_of([&] { const Listener listener(directory.socket()); }), "refused");
    EXPECT_TRUE(std::filesystem::exists(directory.socket()));
}

TEST(RingHost, more_memory_than_there_is_is_refused_by_name) {
    const PrivateDirectory directory;
    const Geometry huge{.slot_count = kMaxSlots, .tap_quota = 0, .slot_bytes = kMaxSlotBytes};
    try {
        const RingHost host(directory.socket(), huge);
        FAIL() << "16 TiB";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::no_memory);
        EXPECT_NE(std::string(error.what()).find(std::to_string(huge.total_bytes())), std::string::npos);
    }
    EXPECT_FALSE(std::filesystem::exists(directory.socket()));
}

}  // namespace
}  // namespace framehop::shm
