#include "framehop/base/fork_mark.hpp"

#include <pthread.h>

#include <atomic>

namespace framehop {
namespace {

// How many forks lie between this process and the first one that had a mark.
std::atomic<unsigned> generation{0};

void in_child() { generation.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

// relaxed, everywhere: a child has one thread when its generation changes.
ForkMark::ForkMark() noexcept {
    static const int installed = ::pthread_atfork(nullptr, nullptr, &in_child);
    static_cast<void>(installed);  // fails only for lack of memory; a child's copy then looks like its parent's
    generation_ = generation.load(std::memory_order_relaxed);
}

bool ForkMark::is_ours() const noexcept { return generation_ == generation.load(std::memory_order_relaxed); }

}  // namespace framehop
