#pragma once

#include "framehop/shm/layout.hpp"

namespace framehop::shm {

// Throws Errc::no_memory, naming both sizes, when the machine has less memory available than a ring needs: taking pages
// until there are none would wake the kernel's OOM killer instead of failing. The caller must check memory cgroups.
void check_available_memory(const Geometry& geometry);

}  // namespace framehop::shm
