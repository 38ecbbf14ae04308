// Lets a forked child drop the descriptors of its parent's objects, which would hold memory and connections open.
#pragma once

namespace framehop {

// Is called at each fork(2) of the process while a ForkWatch on it lives. `before_fork` takes the lock that guards the
// descriptors; of the other two, one releases it in each process. None of them may allocate or throw.
class ForkWatcher {
  public:
    ForkWatcher() = default;
    ForkWatcher(const ForkWatcher&) = delete;
    ForkWatcher& operator=(const ForkWatcher&) = delete;

    virtual void before_fork() noexcept = 0;
    virtual void after_fork_in_parent() noexcept = 0;
    virtual void after_fork_in_child() noexcept = 0;

  protected:
    ~ForkWatcher() = default;
};

// Registers a watcher. Declare it in the watcher after all members that the watcher's calls use. Make and destroy it
// without holding the lock that `before_fork` takes. Thread-safe.
class ForkWatch {
  public:
    explicit ForkWatch(ForkWatcher& watcher);
    ~ForkWatch();
    ForkWatch(const ForkWatch&) = delete;
    ForkWatch& operator=(const ForkWatch&) = delete;

  private:
    ForkWatcher& watcher_;
};

}  // namespace framehop
