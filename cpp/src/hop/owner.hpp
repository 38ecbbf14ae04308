// The process that made an end of the hop. A forked child may only destroy its copy.
#pragma once

#include <sys/types.h>

#include "framehop/base/fork_mark.hpp"

namespace framehop::hop {

class Owner {
  public:
    Owner() noexcept;
    [[nodiscard]] bool is_us() const noexcept { return mark_.is_ours(); }
    void check() const;  // throws Errc::closed in a forked child

  private:
    ForkMark mark_;
    pid_t pid_;
};

}  // namespace framehop::hop
