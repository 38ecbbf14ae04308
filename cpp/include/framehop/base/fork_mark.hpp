// Tells a forked child's copy of an object from its parent's without a system call: getpid(2) is one, and the hop would
// ask it several times for each message.
#pragma once

namespace framehop {

// Remembers the process that made it. A child that was made by vfork(2) or a bare clone(2) is not noticed; it may only
// exec. Thread-safe.
class ForkMark {
  public:
    ForkMark() noexcept;
    [[nodiscard]] bool is_ours() const noexcept;

  private:
    unsigned generation_;
};

}  // namespace framehop
