#include "framehop/shm/reader.hpp"

#include "framehop/base/error.hpp"

namespace framehop::shm {

RingReader::RingReader(std::shared_ptr<Membership> membership)
    : membership_(std::move(membership)), book_(std::make_shared<LeaseBook>(*membership_)) {}

std::optional<Lease> RingReader::try_lease(SlotId id) {
    Membership::Use use = membership_->use();
    const Geometry& geometry = membership_->geometry();
    if (id.slot >= geometry.slot_count) {
        throw Error(Errc::invalid_argument, "slot " + std::to_string(id.slot) + " is out of range: this ring has " +
                                                std::to_string(geometry.slot_count));
    }
    if (!book_->try_lease(id)) return std::nullopt;
    const PictureShape shape = membership_->table().shape(id.slot);
    Lease lease(std::move(use), book_, {id.slot, id.generation, shape.width, shape.height, shape.stride},
                membership_->table().tag(id).value_or(FrameTag{}));
    // The writer misbehaves; `lease` gives the slot back.
    if (!fits(shape, geometry.slot_bytes) || lease.tag().stream.empty()) return std::nullopt;
    return lease;
}

}  // namespace framehop::shm
