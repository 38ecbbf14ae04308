#include "framehop/base/descriptors.hpp"

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "framehop/base/error.hpp"
#include "framehop/base/unique_fd.hpp"

namespace framehop {
namespace {

constexpr std::size_t kMostAtOnce = 256;

std::string describe_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return "this process may have " + std::to_string(limit.rlim_cur) +
           " (RLIMIT_NOFILE); raise that with `ulimit -n`, or close some";
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
    std::array<UniqueFd, kMostAtOnce> held;
    for (std::size_t i = 0; i < std::min(count, held.size()); ++i) {
        held[i].reset(::eventfd(0, EFD_CLOEXEC));
        if (held[i]) continue;
        if (!is_out_of_descriptors(errno)) throw_errno("eventfd");
        throw Error(Errc::system, std::string(what) + " needs " + std::to_string(count) +
                                      " file descriptors, and only " + std::to_string(i) +
                                      " are left: " + describe_limit());
    }
}

}  // namespace framehop
