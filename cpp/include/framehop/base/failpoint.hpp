// Named barriers at which a test has the process killed: a kill -9 at exactly this line, not near it.
#pragma once

#include <string_view>

namespace framehop {

// Arms one point: its nth hit (1 = the first) raises SIGKILL in this process. Thread-safe; arming again replaces.
void arm_failpoint(std::string_view name, int nth);

// Passes by when nothing is armed (one relaxed load); raises SIGKILL when this point's count is reached. Thread-safe.
void failpoint(std::string_view name) noexcept;

}  // namespace framehop
