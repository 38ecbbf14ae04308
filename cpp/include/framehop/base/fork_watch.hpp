// What a forked child must not keep: the descriptors of its parent's objects, which hold memory and connections open.
#pragma once

namespace framehop {

// Told of each fork(2) of the process while a ForkWatch on it lives. `before_fork` takes whatever lock guards the
// descriptors, the other two let go of it: one in each process. Nothing here may allocate or throw.
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

// A member of its watcher, behind all that the watcher touches when it is told. Make and destroy it without the lock
// that `before_fork` takes. Thread-safe.
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
