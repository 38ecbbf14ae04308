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

bool Ring::retire(SlotId id) {
    const Membership::Use use = membership_->use();
    return id.slot < membership_->geometry().slot_count && membership_->table().retire(id);
}

}  // namespace framehop::shm
