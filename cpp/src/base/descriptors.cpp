#include "framehop/base/descriptors.hpp"

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/base/unique_fd.hpp"

namespace framehop {
namespace {

std::string describe_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return "this process may have " + std::to_string(limit.rlim_cur) +
           " (RLIMIT_NOFILE); raise that with `ulimit -n`, or close some";
}

// Returns how many descriptors can be opened now, up to `most`.
std::size_t free_descriptors(std::size_t most) {
    std::vector<UniqueFd> held;
    while (held.size() < most) {
        UniqueFd fd(::eventfd(0, EFD_CLOEXEC));
        if (!fd && !is_out_of_descriptors(errno)) throw_errno("eventfd");
        if (!fd) break;
        held.push_back(std::move(fd));
    }
    return held.size();
}

}  // namespace

void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

bool is_out_of_descriptors(int number) noexcept { return number == EMFILE || number == ENFILE; }

void throw_no_descriptor(std::string_view what) {
    throw Error(Errc::system, "no file descriptor is left for " + std::string(what) + ": " + describe_limit());
}

void need_descriptors(std::size_t count, std::string_view what) {
    const std::size_t left = free_descriptors(count);
    if (left >= count) return;
    throw Error(Errc::system, std::string(what) + " needs " + std::to_string(count) + " file descriptors, and only " +
                                  std::to_string(left) + " are left: " + describe_limit());
}

void reserve_descriptors(std::size_t count, std::string_view what) {
    const UniqueFd lowest(::eventfd(0, EFD_CLOEXEC));
    // Twice as many, so that other threads find some while ours are counted.
    const rlim_t wanted = static_cast<rlim_t>(std::max(lowest.get(), 0)) + 2 * count;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = std::min(limit.rlim_max, wanted);
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
    }
    need_descriptors(count, what);
}

}  // namespace framehop
