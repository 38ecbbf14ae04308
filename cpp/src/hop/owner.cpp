#include "owner.hpp"

#include <unistd.h>

#include <string>

#include "framehop/base/error.hpp"

namespace framehop::hop {

Owner::Owner() noexcept : pid_(::getpid()) {}

void Owner::check() const {
    if (is_us()) return;
    throw Error(Errc::closed, "this end of the hop belongs to process " + std::to_string(pid_) +
                                  ": a forked child must open its own");
}

}  // namespace framehop::hop
