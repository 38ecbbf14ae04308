#include "framehop/base/fork_mark.hpp"

#include <pthread.h>

#include <atomic>

namespace framehop {
namespace {

// How many forks lie between this process and the first one that had a mark.
std::atomic<unsigned> generation{0};

void in_child() { generation.fetch_add(1, std::memory_order_relaxed); }

// Returns the generation, and sees to it that forks from here on are counted.
unsigned counted_generation() noexcept {
    static const int installed = ::pthread_atfork(nullptr, nullptr, &in_child);
    static_cast<void>(installed);  // fails only for lack of memory; a child's copy then looks like its parent's
    return generation.load(std::memory_order_relaxed);
}

}  // namespace

// relaxed, everywhere: a child has one thread when its generation changes.
ForkMark::ForkMark() noexcept : generation_(counted_generation()) {}

bool ForkMark::is_ours() const noexcept { return generation_ == generation.load(std::memory_order_relaxed); }

}  // namespace framehop
