// Named points at which a test can have the process killed, by a kill -9 at exactly that line.
#pragma once

#include <string_view>

namespace framehop {

// Arms one point: its nth hit (1 = the first) raises SIGKILL in this process. Thread-safe; arming again replaces.
void arm_failpoint(std::string_view name, int nth);

// Does nothing when no point is armed (one relaxed load); raises SIGKILL at the armed hit of this point. Thread-safe.
void failpoint(std::string_view name) noexcept;

}  // namespace framehop
