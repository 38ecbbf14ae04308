// Memory files (memfd) whose pages are all taken at the start, and which are then sealed against shrinking and growing,
// so that no peer can cause another's SIGBUS. A crash leaves nothing behind.
#pragma once

#include <cstdint>
#include <string>

#include "framehop/base/unique_fd.hpp"

namespace framehop::shm {

// Makes one of `bytes` bytes, all zero. Throws Errc::no_memory, saying that `what` needs so many bytes.
[[nodiscard]] UniqueFd make_memory_file(const char* name, std::uint64_t bytes, const std::string& what);

void seal(int fd);

// Returns the size of a sealed file, which cannot change any more. Throws Errc::wrong_layout, naming `what`, for one
// that is not sealed, or was sealed before its pages were taken.
[[nodiscard]] std::uint64_t sealed_size(int fd, const std::string& what);

}  // namespace framehop::shm
