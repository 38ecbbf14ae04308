#include "shm_wait.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"

namespace framehop::hop {

UniqueFd make_bell() {
    UniqueFd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!bell && is_out_of_descriptors(errno)) throw_no_descriptor("a bell of the hop");
    if (!bell) throw_errno("eventfd");
    return bell;
}

// Nobody reads a bell, but somebody may have filled up its count, and a write that fails wakes nobody. If the second
// fails too, another has filled it in between, and that write has woken its owner.
void ring(const UniqueFd& bell) noexcept {
    if (::eventfd_write(bell.get(), 1) == 0 || errno != EAGAIN) return;
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(bell.get(), &count));
    static_cast<void>(::eventfd_write(bell.get(), 1));
}

bool is_bell(int fd) noexcept {
    constexpr std::string_view kName = "anon_inode:[eventfd]";
    std::array<char, 64> name{};
    char path[32];
    static_cast<void>(std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd));
    const ssize_t bytes = ::readlink(path, name.data(), name.size());
    if (bytes <= 0 || std::string_view(name.data(), static_cast<std::size_t>(bytes)) != kName) return false;
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

bool is_readable(int fd) noexcept {
    pollfd look{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

Woke wait_for(std::vector<pollfd>& own, std::span<const int> wake_fds, std::chrono::nanoseconds timeout,
              std::vector<int>& readable) {
    const std::size_t ours = own.size();
    for (const int fd : wake_fds) own.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    const auto left = std::max<std::int64_t>(timeout.count(), 0);
    const timespec relative{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    const int ready = ::ppoll(own.data(), own.size(), &relative, nullptr);
    if (ready < 0 && errno == EINTR) return Woke::signal;
    if (ready < 0) throw_errno("ppoll");
    if (ready == 0) return Woke::timeout;
    for (std::size_t i = ours; i < own.size(); ++i) {
        if (own[i].revents != 0) readable.push_back(own[i].fd);
    }
    const auto happened = [](const pollfd& each) { return each.revents != 0; };
    return std::any_of(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(ours), happened) ? Woke::event
                                                                                               : Woke::wake_fd;
}

}  // namespace framehop::hop
