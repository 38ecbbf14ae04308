// What an end of the shared-memory link waits with: rings that nobody reads, and descriptors that come and go.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "framehop/base/error.hpp"
#include "shm_wait.hpp"
#include "watch.hpp"

namespace framehop::hop {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 30s;

class WatchTest : public testing::Test {
  protected:
    [[nodiscard]] Woke wait(std::chrono::nanoseconds timeout, std::vector<int> wake_fds = {}) {
        readable.clear();
        return watch.wait(timeout, wake_fds, readable);
    }

    UniqueFd bell = make_bell();
    Watch watch{bell};
    std::vector<int> readable;
};

std::pair<UniqueFd, UniqueFd> sockets() {
    std::array<int, 2> fds{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

TEST_F(WatchTest, each_ring_ends_one_wait_and_need_not_be_read) {
    EXPECT_EQ(wait(0ns), Woke::timeout);
    for (int i = 0; i < 3; ++i) {
        ring(bell);
        EXPECT_EQ(wait(kPatience), Woke::event);
        EXPECT_FALSE(watch.others_ready());
        EXPECT_EQ(wait(0ns), Woke::timeout);
    }
}

TEST_F(WatchTest, a_ring_before_the_wait_is_not_lost) {
    ring(bell);
    ring(bell);
    EXPECT_EQ(wait(kPatience), Woke::event);
    EXPECT_EQ(wait(1ms), Woke::timeout);
}

TEST_F(WatchTest, a_bell_that_somebody_has_filled_up_wakes_all_the_same) {
    EXPECT_EQ(::eventfd_write(bell.get(), UINT64_MAX - 1), 0);
    EXPECT_EQ(wait(kPatience), Woke::event);
    EXPECT_EQ(wait(0ns), Woke::timeout);
    ring(bell);
    EXPECT_EQ(wait(kPatience), Woke::event);
}

TEST_F(WatchTest, wake_fds_are_told_from_rings) {
    const UniqueFd other(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    EXPECT_EQ(wait(0ns, {other.get()}), Woke::timeout);
    ring(other);
    EXPECT_EQ(wait(kPatience, {other.get()}), Woke::wake_fd);
    EXPECT_EQ(readable, std::vector{other.get()});
    ring(bell);
    EXPECT_EQ(wait(kPatience, {other.get()}), Woke::event);
    EXPECT_EQ(readable, std::vector{other.get()});
    EXPECT_EQ(wait(0ns, {other.get()}), Woke::wake_fd);
}

TEST_F(WatchTest, what_is_watched_is_told_until_it_is_no_more) {
    auto [one, other] = sockets();
    Watched watched(watch, std::move(one));
    EXPECT_EQ(wait(0ns), Woke::timeout);
    other.reset();
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(wait(kPatience), Woke::event);
        EXPECT_TRUE(watch.others_ready());
    }
    Watched moved(std::move(watched));
    EXPECT_EQ(wait(kPatience), Woke::event);
    moved = Watched();
    EXPECT_EQ(wait(0ns), Woke::timeout);
    EXPECT_FALSE(watch.others_ready());
}

TEST_F(WatchTest, more_than_fit_at_once_are_told_one_after_the_other) {
    std::vector<Watched> many;
    for (int i = 0; i < 40; ++i) many.emplace_back(watch, sockets().first);  // whose other ends are closed
    for (int i = 0; i < 40; ++i) {
        EXPECT_EQ(wait(kPatience), Woke::event);
        many.pop_back();
    }
    EXPECT_EQ(wait(0ns), Woke::timeout);
}

// Else the kernel would tell of it for ever, and nobody could take it away.
TEST_F(WatchTest, a_copy_in_a_forked_child_keeps_nothing_registered) {
    auto [one, other] = sockets();
    Watched watched(watch, std::move(one));
    ASSERT_EQ(::write(other.get(), "x", 1), 1);
    EXPECT_EQ(wait(kPatience), Woke::event);
    std::array<int, 2> gate{-1, -1};
    ASSERT_EQ(::pipe2(gate.data(), O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::close(gate[1]);
        char nothing = 0;
        ::_exit(::read(gate[0], &nothing, 1) == 0 ? 0 : 1);  // until the parent has looked
    }
    watched.reset();
    EXPECT_EQ(wait(0ns), Woke::timeout);
    ::close(gate[0]);
    ::close(gate[1]);
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST_F(WatchTest, a_forked_child_that_lets_go_takes_nothing_from_its_parent) {
    auto [one, other] = sockets();
    Watched watched(watch, std::move(one));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        watched.reset();
        ::_exit(0);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    other.reset();
    EXPECT_EQ(wait(kPatience), Woke::event);
    EXPECT_TRUE(watch.others_ready());
}

TEST_F(WatchTest, what_cannot_be_watched_is_an_error) {
    EXPECT_THROW(watch.add(-1), Error);
    EXPECT_THROW(watch.add(bell.get()), Error);
}

}  // namespace
}  // namespace framehop::hop
