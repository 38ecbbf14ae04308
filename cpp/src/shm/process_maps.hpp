#pragma once

#include <sys/types.h>

namespace framehop::shm {

// Whether /proc shows the memory of process `pid`, and no file with this inode of the kernel's own memory files is
// mapped there: its program was replaced by exec. False also when that cannot be known.
[[nodiscard]] bool surely_unmapped(pid_t pid, ino_t inode) noexcept;

}  // namespace framehop::shm
