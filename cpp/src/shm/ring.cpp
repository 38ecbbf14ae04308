#include "framehop/shm/ring.hpp"

#include "framehop/base/error.hpp"

namespace framehop::shm {
namespace {

// Hands out the slot that was taken, unless the ring was closed meanwhile. If it throws, the slot is free again.
std::shared_ptr<Slot> hand_out(Membership::Use use, std::optional<SlotId> id) {
    Membership& membership = use.membership();
    try {
        if (membership.closed()) throw Error(Errc::closed, "the ring was closed while this waited for a slot");
        return id ? std::make_shared<Slot>(std::move(use), *id) : nullptr;
    } catch (...) {
        if (id) membership.table().abandon(*id);
        throw;
    }
}

}  // namespace

std::uint32_t Ring::free_slots() const {
    const Membership::Use use = membership_->use();
    return membership_->table().free_slots();
}

std::shared_ptr<Slot> Ring::try_acquire(const FrameTag& tag) {
    check(tag);
    Membership::Use use = membership_->use();
    const auto id = membership_->table().try_acquire(tag);
    return hand_out(std::move(use), id);
}

std::shared_ptr<Slot> Ring::wait_acquire(const FrameTag& tag, std::chrono::nanoseconds timeout) {
    check(tag);
    Membership::Use use = membership_->use();
    const auto id = membership_->table().wait_acquire(tag, timeout, membership_->closing());
    return hand_out(std::move(use), id);
}

std::shared_ptr<Slot> Ring::acquire(const FrameTag& tag, Overflow overflow, std::chrono::nanoseconds timeout) {
    switch (overflow) {
        case Overflow::block:
            return wait_acquire(tag, timeout);
        case Overflow::drop_oldest_unpinned:
            return replace_oldest(tag);
        case Overflow::reject:
            break;
    }
    return try_acquire(tag);
}

// Another thread may take the slot that was freed: then the next oldest goes.
std::shared_ptr<Slot> Ring::replace_oldest(const FrameTag& tag) {
    for (;;) {
        if (auto slot = try_acquire(tag)) return slot;
        if (!retire_oldest()) return nullptr;
    }
}

// Tries again when a reader leases the oldest at that very moment. False when nothing is left to retire.
bool Ring::retire_oldest() {
    const Membership::Use use = membership_->use();
    for (;;) {
        std::optional<SlotId> oldest;
        for (const SlotInfo& slot : membership_->table().snapshot()) {
            if (slot.state != SlotState::ready || slot.leases != 0) continue;
            if (!oldest || membership_->published_at(slot.slot) < membership_->published_at(oldest->slot)) {
                oldest = SlotId{slot.slot, slot.generation};
            }
        }
        if (!oldest) return false;
        if (membership_->table().retire_unpinned(*oldest)) return true;
    }
}

bool Ring::retire(SlotId id) {
    const Membership::Use use = membership_->use();
    return id.slot < membership_->geometry().slot_count && membership_->table().retire(id);
}

}  // namespace framehop::shm
