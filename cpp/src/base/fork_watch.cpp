#include "framehop/base/fork_watch.hpp"

#include <pthread.h>

#include <mutex>
#include <vector>

namespace framehop {
namespace {

struct Watchers {
    std::mutex mutex;
    std::vector<ForkWatcher*> all;
};

// The list is never destroyed, as a fork may come at any time, also while the process ends.
Watchers& watchers() {
    static auto* const instance = new Watchers;  // NOLINT(cppcoreguidelines-owning-memory)
    return *instance;
}

void before() {
    watchers().mutex.lock();
    for (ForkWatcher* watcher : watchers().all) watcher->before_fork();
}

void in_parent() {
    for (ForkWatcher* watcher : watchers().all) watcher->after_fork_in_parent();
    watchers().mutex.unlock();
}

void in_child() {
    for (ForkWatcher* watcher : watchers().all) watcher->after_fork_in_child();
    watchers().mutex.unlock();
}

}  // namespace

ForkWatch::ForkWatch(ForkWatcher& watcher) : watcher_(watcher) {
    static const int installed = ::pthread_atfork(&before, &in_parent, &in_child);
    static_cast<void>(installed);  // fails only for lack of memory; a child then keeps what it inherited
    const std::lock_guard lock(watchers().mutex);
    watchers().all.push_back(&watcher_);
}

ForkWatch::~ForkWatch() {
    const std::lock_guard lock(watchers().mutex);
    std::erase(watchers().all, &watcher_);
}

}  // namespace framehop
