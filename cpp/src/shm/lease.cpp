#include "framehop/shm/lease.hpp"

namespace framehop::shm {

LeaseBook::LeaseBook(Membership& membership)
    : membership_(membership), quota_(membership.control()), entries_(membership.geometry().slot_count) {}

bool LeaseBook::try_lease(SlotId id) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[id.slot];
    // While our bit is set the generation does not change, so the look at the word and the count cannot disagree.
    if (entry.count > 0 ? !membership_.table().is_ready(id) : !take(entry, id)) return false;
    ++entry.count;
    return true;
}

bool LeaseBook::take(Entry& entry, SlotId id) {
    if (membership_.role() == Role::tap) {
        entry.ticket = quota_.try_take(membership_.holder());
        if (!entry.ticket) return false;
    }
    if (membership_.table().try_lease(id, membership_.holder())) return true;
    if (entry.ticket) quota_.give_back(*entry.ticket);
    entry.ticket.reset();
    return false;
}

void LeaseBook::release(std::uint32_t slot) noexcept {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[slot];
    if (--entry.count > 0) return;
    membership_.table().release(slot, membership_.holder());
    // The ticket goes back after the bit is cleared: until then the slot is pinned.
    if (entry.ticket) quota_.give_back(*entry.ticket);
    entry.ticket.reset();
}

Lease::Lease(Membership::Use use, std::shared_ptr<LeaseBook> book, SlotId id) noexcept
    : use_(std::move(use)), book_(std::move(book)) {
    const PictureShape shape = use_.membership().table().shape(id.slot);
    ref_ = {id.slot, id.generation, shape.width, shape.height, shape.stride, shape.format};
    fits_ = fits(shape, use_.membership().geometry().slot_bytes);
}

bool Lease::read_tag() {
    tag_ = use_.membership().table().tag(ref_.id()).value_or(FrameTag{});
    return fits_ && !tag_.stream.empty();
}

Lease::~Lease() {
    // book_ is empty in a moved-from lease; a forked child's copy gives back nothing of its parent's.
    if (book_ && use_.membership().ours()) book_->release(ref_.slot);
}

ConstImageView Lease::image() const noexcept {
    return {use_.membership().pixels()->slot(ref_.slot), ref_.width, ref_.height, ref_.stride, ref_.format};
}

}  // namespace framehop::shm
