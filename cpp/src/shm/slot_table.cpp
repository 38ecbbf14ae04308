#include "framehop/shm/slot_table.hpp"

#include "framehop/base/failpoint.hpp"
#include "framehop/shm/futex.hpp"
#include "framehop/shm/tag_cell.hpp"
#include "framehop/shm/tap_quota.hpp"

// The memory orders pair up on a slot's word:
//  - publish stores with release, try_lease takes with acquire: a reader sees the whole picture;
//  - release (and reclaim) drops its bit with release, try_acquire takes with acquire: the writer's next pixels come
//  after
//    the last read of the old ones. All steps between are read-modify-writes, so the release sequence is never broken.
namespace framehop::shm {
namespace {

// Tells the releasing side that a writer sleeps on `freed`.
class Sleeper {
  public:
    // seq_cst, with ring_freed: either the releaser sees this count, or the sample taken after it sees the releaser's
    // change.
    explicit Sleeper(FreedBell& bell) noexcept : bell_(bell) { bell_.waiters.fetch_add(1, std::memory_order_seq_cst); }
    ~Sleeper() { bell_.waiters.fetch_sub(1, std::memory_order_relaxed); }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;

  private:
    FreedBell& bell_;
};

// Takes the slot; nullopt when it is not reusable. Looks again after a failed swap, so that no race loses a slot.
std::optional<std::uint32_t> take(std::atomic<std::uint64_t>& word) noexcept {
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    while (SlotWord(seen).reusable()) {
        const SlotWord next = SlotWord(seen).next_filling();
        if (word.compare_exchange_weak(seen, next.bits(), std::memory_order_acquire, std::memory_order_relaxed)) {
            return next.generation();
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<SlotId> SlotTable::try_acquire(const FrameTag& tag) noexcept {
    // Take the lowest first, so that a lightly used ring keeps to few pages, which stay in the cache.
    for (std::uint32_t slot = 0; slot < geometry().slot_count; ++slot) {
        if (const auto generation = take(word(slot))) {
            write_tag(control_->slot(slot).tag, tag, *generation);
            return SlotId{slot, *generation};
        }
    }
    return std::nullopt;
}

std::optional<SlotId> SlotTable::wait_acquire(const FrameTag& tag, std::chrono::nanoseconds timeout,
                                              const std::atomic<bool>& over) noexcept {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + timeout;
    FreedBell& bell = control_->header().bell;
    const Sleeper sleeper(bell);
    for (;;) {
        const std::uint32_t sampled = bell.freed.load(std::memory_order_seq_cst);
        if (over.load(std::memory_order_seq_cst)) return std::nullopt;
        if (const auto id = try_acquire(tag)) return id;
        // The last look is for a slot whose reader was killed before it could ring, while the host has yet to see that.
        if (!wait_for_change(bell.freed, sampled, deadline - Clock::now())) return try_acquire(tag);
    }
}

void SlotTable::wake_waiters() noexcept {
    FreedBell& bell = control_->header().bell;
    // seq_cst: pairs with the sample in wait_acquire, which comes before its look at `over`.
    bell.freed.fetch_add(1, std::memory_order_seq_cst);
    wake_all(bell.freed);
}

void SlotTable::set_shape(SlotId id, const PictureShape& shape) noexcept {
    write_shape(control_->slot(id.slot).picture, shape);
}

bool SlotTable::move(SlotId id, SlotState from, SlotState to) noexcept {
    std::uint64_t seen = word(id.slot).load(std::memory_order_relaxed);
    while (SlotWord(seen).is(from, id.generation)) {
        const SlotWord next = SlotWord(seen).with_state(to);
        if (word(id.slot).compare_exchange_weak(seen, next.bits(), std::memory_order_acq_rel,
                                                std::memory_order_relaxed)) {
            if (next.reusable()) ring_freed();
            return true;
        }
    }
    return false;
}

bool SlotTable::publish(SlotId id) noexcept { return move(id, SlotState::filling, SlotState::ready); }
bool SlotTable::abandon(SlotId id) noexcept { return move(id, SlotState::filling, SlotState::free); }
bool SlotTable::retire(SlotId id) noexcept { return move(id, SlotState::ready, SlotState::free); }

bool SlotTable::retire_unpinned(SlotId id) noexcept {
    const SlotWord ready(SlotState::ready, id.generation, 0);
    std::uint64_t seen = ready.bits();
    const bool retired = word(id.slot).compare_exchange_strong(seen, ready.with_state(SlotState::free).bits(),
                                                               std::memory_order_acq_rel, std::memory_order_relaxed);
    if (retired) ring_freed();
    return retired;
}

std::uint32_t SlotTable::free_slots() const noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t slot = 0; slot < geometry().slot_count; ++slot) {
        count += SlotWord(word(slot).load(std::memory_order_relaxed)).reusable() ? 1U : 0U;
    }
    return count;
}

bool SlotTable::try_lease(SlotId id, std::uint32_t holder) noexcept {
    std::uint64_t seen = word(id.slot).load(std::memory_order_relaxed);
    while (SlotWord(seen).is(SlotState::ready, id.generation)) {
        if (word(id.slot).compare_exchange_weak(seen, seen | SlotWord::lease_bit(holder), std::memory_order_acquire,
                                                std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void SlotTable::release(std::uint32_t slot, std::uint32_t holder) noexcept {
    const std::uint64_t bit = SlotWord::lease_bit(holder);
    const std::uint64_t before = word(slot).fetch_and(~bit, std::memory_order_release);
    // Who is killed here leaves a free slot and a sleeping writer, until the host reclaims.
    failpoint("lease.dropped");
    if ((before & bit) != 0 && SlotWord(before & ~bit).reusable()) ring_freed();
}

bool SlotTable::is_ready(SlotId id) const noexcept {
    return SlotWord(word(id.slot).load(std::memory_order_relaxed)).is(SlotState::ready, id.generation);
}

PictureShape SlotTable::shape(std::uint32_t slot) const noexcept { return read_shape(control_->slot(slot).picture); }

std::optional<FrameTag> SlotTable::tag(SlotId id) const { return read_tag(control_->slot(id.slot).tag, id.generation); }

std::uint32_t SlotTable::reclaim(HolderSet gone) noexcept {
    const std::uint64_t bits = SlotWord::lease_bits(gone);
    int count = 0;
    for (std::uint32_t slot = 0; slot < geometry().slot_count; ++slot) {
        count += std::popcount(word(slot).fetch_and(~bits, std::memory_order_release) & bits);
    }
    // Tickets come after the slots, as a returned ticket lets another tap pin one more.
    TapQuota(*control_).take_back(gone);
    ring_freed();
    return static_cast<std::uint32_t>(count);
}

void SlotTable::free_slot(std::uint32_t slot) noexcept {
    std::uint64_t seen = word(slot).load(std::memory_order_relaxed);
    while (!word(slot).compare_exchange_weak(seen, SlotWord(seen).with_state(SlotState::free).bits(),
                                             std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
}

// relaxed, both: the host's note travels by a socket, and carries nothing else.
bool SlotTable::has_writer() const noexcept { return control_->header().written.load(std::memory_order_relaxed) != 0; }

void SlotTable::note_writer(bool attached) noexcept {
    control_->header().written.store(attached ? 1 : 0, std::memory_order_relaxed);
}

std::uint32_t SlotTable::adopt() noexcept {
    for (std::uint32_t slot = 0; slot < geometry().slot_count; ++slot) free_slot(slot);
    // Only writers wait on the bell, and a killed one may still be counted.
    control_->header().bell.waiters.store(0, std::memory_order_relaxed);
    return control_->header().incarnation.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::vector<SlotInfo> SlotTable::snapshot() const {
    std::vector<SlotInfo> infos(geometry().slot_count);
    for (std::uint32_t slot = 0; slot < geometry().slot_count; ++slot) {
        const SlotWord seen(word(slot).load(std::memory_order_acquire));
        infos[slot] = {.slot = slot,
                       .state = seen.state(),
                       .generation = seen.generation(),
                       .leases = static_cast<std::uint32_t>(seen.lease_count()),
                       .tag = tag({slot, seen.generation()})};
    }
    return infos;
}

std::uint32_t SlotTable::leases_of(std::uint32_t holder) const noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t slot = 0; slot < geometry().slot_count; ++slot) {
        count += (word(slot).load(std::memory_order_relaxed) & SlotWord::lease_bit(holder)) != 0 ? 1U : 0U;
    }
    return count;
}

void SlotTable::ring_freed() noexcept {
    FreedBell& bell = control_->header().bell;
    bell.freed.fetch_add(1, std::memory_order_seq_cst);
    // seq_cst: pairs with Sleeper's count.
    if (bell.waiters.load(std::memory_order_seq_cst) != 0) wake_all(bell.freed);
}

}  // namespace framehop::shm
