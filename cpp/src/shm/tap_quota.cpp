#include "framehop/shm/tap_quota.hpp"

namespace framehop::shm {
namespace {

// acquire and release pair up on the ticket: its next owner pins a slot only after the last owner's lease bit is gone.
bool swap(TapTicket& ticket, std::uint32_t from, std::uint32_t to, std::memory_order order) noexcept {
    return ticket.compare_exchange_strong(from, to, order, std::memory_order_relaxed);
}

}  // namespace

std::optional<std::uint32_t> TapQuota::try_take(std::uint32_t holder) noexcept {
    for (std::uint32_t i = 0; i < control_.geometry().tap_quota; ++i) {
        if (swap(control_.ticket(i), 0, holder + 1, std::memory_order_acquire)) return i;
    }
    return std::nullopt;
}

void TapQuota::give_back(std::uint32_t ticket) noexcept { control_.ticket(ticket).store(0, std::memory_order_release); }

void TapQuota::take_back(std::uint32_t holder) noexcept {
    for (std::uint32_t i = 0; i < control_.geometry().tap_quota; ++i) {
        swap(control_.ticket(i), holder + 1, 0, std::memory_order_release);
    }
}

}  // namespace framehop::shm
