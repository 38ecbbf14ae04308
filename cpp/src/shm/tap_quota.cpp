#include "framehop/shm/tap_quota.hpp"

// acquire and release pair up on the ticket: its next user pins a slot only after the last user's lease bit is gone.
namespace framehop::shm {
namespace {

constexpr std::uint32_t kUser = 0xFFFF;
constexpr int kKeptShift = 16;

constexpr std::uint32_t name_of(std::uint32_t holder) noexcept { return holder + 1; }
constexpr std::uint32_t kept_for(std::uint32_t name) noexcept { return name << kKeptShift; }

bool is_gone(std::uint32_t name, HolderSet gone) noexcept { return name != 0 && name <= kMaxHolders && gone[name - 1]; }

// Takes the ticket if nobody uses it and it is kept for `whom`, 0 for nobody.
bool take(TapTicket& ticket, std::uint32_t whom, std::uint32_t user) noexcept {
    std::uint32_t seen = kept_for(whom);
    return ticket.compare_exchange_strong(seen, kept_for(whom) | user, std::memory_order_acquire,
                                          std::memory_order_relaxed);
}

std::uint32_t without(std::uint32_t ticket, HolderSet gone) noexcept {
    const std::uint32_t user = ticket & kUser;
    const std::uint32_t kept = ticket >> kKeptShift;
    return (is_gone(user, gone) ? 0 : user) | (is_gone(kept, gone) ? 0 : kept_for(kept));
}

}  // namespace

std::optional<std::uint32_t> TapQuota::try_take(std::uint32_t holder) noexcept {
    const std::uint32_t user = name_of(holder);
    for (const std::uint32_t whom : {user, 0U}) {
        for (std::uint32_t i = 0; i < control_.geometry().tap_quota; ++i) {
            if (take(control_.ticket(i), whom, user)) return i;
        }
    }
    return std::nullopt;
}

void TapQuota::give_back(std::uint32_t ticket) noexcept {
    control_.ticket(ticket).fetch_and(~kUser, std::memory_order_release);
}

bool TapQuota::keep_one_for(std::uint32_t holder) noexcept {
    for (const bool in_use : {false, true}) {
        for (std::uint32_t i = 0; i < control_.geometry().tap_quota; ++i) {
            TapTicket& ticket = control_.ticket(i);
            std::uint32_t seen = ticket.load(std::memory_order_relaxed);
            // Its user may take it or give it back meanwhile; it stays the user's until then.
            while (seen >> kKeptShift == 0 && (in_use || seen == 0)) {
                const std::uint32_t next = seen | kept_for(name_of(holder));
                if (ticket.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return true;
            }
        }
    }
    return false;
}

void TapQuota::take_back(HolderSet gone) noexcept {
    for (std::uint32_t i = 0; i < control_.geometry().tap_quota; ++i) {
        TapTicket& ticket = control_.ticket(i);
        std::uint32_t seen = ticket.load(std::memory_order_relaxed);
        while (without(seen, gone) != seen) {
            if (ticket.compare_exchange_weak(seen, without(seen, gone), std::memory_order_release,
                                             std::memory_order_relaxed)) {
                break;
            }
        }
    }
}

}  // namespace framehop::shm
