#include "framehop/base/failpoint.hpp"

#include <atomic>
#include <csignal>
#include <mutex>
#include <string>

namespace framehop {
namespace {

std::atomic<bool> armed{false};
std::mutex mutex;
std::string armed_name;  // guarded by mutex
int hits_left = 0;       // guarded by mutex

}  // namespace

void arm_failpoint(std::string_view name, int nth) {
    const std::lock_guard lock(mutex);
    armed_name = name;
    hits_left = nth;
    armed.store(nth > 0, std::memory_order_relaxed);
}

void failpoint(std::string_view name) noexcept {
    if (!armed.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex);
    if (name == armed_name && --hits_left == 0) static_cast<void>(std::raise(SIGKILL));
}

}  // namespace framehop
