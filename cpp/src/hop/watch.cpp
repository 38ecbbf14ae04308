#include "watch.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"

namespace framehop::hop {
namespace {

constexpr std::uint32_t kBell = 0;
constexpr std::uint32_t kOther = 1;
// The most descriptors that one wait reports. The others are reported by the next, as only the bell is an edge.
constexpr std::size_t kAtOnce = 16;

UniqueFd make_epoll() {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll && is_out_of_descriptors(errno)) throw_no_descriptor("what the hop waits with");
    if (!epoll) throw_errno("epoll_create1");
    return epoll;
}

// Rounded up, so that a short wait is one.
int milliseconds(std::chrono::nanoseconds timeout) noexcept {
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    return static_cast<int>(std::clamp<std::int64_t>(whole, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Watch::Watch(const UniqueFd& bell) : epoll_(make_epoll()) { watch(bell.get(), EPOLLIN | EPOLLET, kBell); }

void Watch::watch(int fd, std::uint32_t events, std::uint32_t what) {
    epoll_event event{.events = events, .data = {.u32 = what}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl");
}

void Watch::add(int fd) { watch(fd, EPOLLIN, kOther); }

// A forked child has the parent's registrations: it must leave them alone.
void Watch::remove(int fd) noexcept {
    if (owner_.is_us()) static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr));
}

Woke Watch::wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, std::vector<int>& readable) {
    others_ready_ = false;
    if (wake_fds.empty()) return take(timeout);
    std::vector<pollfd> own{{.fd = epoll_.get(), .events = POLLIN, .revents = 0}};
    const Woke woke = wait_for(own, wake_fds, timeout, readable);
    return woke == Woke::event ? take(std::chrono::nanoseconds(0)) : woke;
}

Woke Watch::take(std::chrono::nanoseconds timeout) {
    std::array<epoll_event, kAtOnce> events;
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), milliseconds(timeout));
    if (ready < 0 && errno == EINTR) return Woke::signal;
    if (ready < 0) throw_errno("epoll_wait");
    const auto is_other = [](const epoll_event& event) { return event.data.u32 == kOther; };
    others_ready_ = std::any_of(events.begin(), events.begin() + ready, is_other);
    return ready > 0 ? Woke::event : Woke::timeout;
}

}  // namespace framehop::hop
