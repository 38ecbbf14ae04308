#pragma once

#include <poll.h>

#include <chrono>
#include <span>
#include <vector>

#include "framehop/base/unique_fd.hpp"

namespace framehop::hop {

// A bell is an eventfd, so that its owner can wait on it beside all else, by a Watch. Throws Errc::system.
[[nodiscard]] UniqueFd make_bell();
void ring(const UniqueFd& bell) noexcept;
// Whether a stranger's descriptor is an eventfd that never blocks: writing to a full one that does would take for ever,
// and to anything else could harm.
[[nodiscard]] bool is_bell(int fd) noexcept;

enum class Woke { event, wake_fd, timeout, signal };

// Waits for one of `own`, which must not be empty, or of `wake_fds`, and appends those of the latter that are readable
// or hung up to `readable`. `event`: one of `own` at least. Throws Errc::system.
[[nodiscard]] Woke wait_for(std::vector<pollfd>& own, std::span<const int> wake_fds, std::chrono::nanoseconds timeout,
                            std::vector<int>& readable);

// Whether a descriptor is readable or hung up now; false for -1.
[[nodiscard]] bool is_readable(int fd) noexcept;

}  // namespace framehop::hop
