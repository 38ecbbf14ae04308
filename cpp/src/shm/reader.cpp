#include "framehop/shm/reader.hpp"

#include "framehop/base/error.hpp"

namespace framehop::shm {

RingReader::RingReader(std::shared_ptr<Membership> membership)
    : membership_(std::move(membership)), book_(std::make_shared<LeaseBook>(*membership_)) {}

bool RingReader::has_writer() const {
    const Membership::Use use = membership_->use();
    return membership_->table().has_writer();
}

std::optional<Lease> RingReader::try_lease(SlotId id) {
    Membership::Use use = membership_->use();
    const std::uint32_t slots = membership_->geometry().slot_count;
    if (id.slot >= slots) {
        throw Error(Errc::invalid_argument,
                    "slot " + std::to_string(id.slot) + " is out of range: this ring has " + std::to_string(slots));
    }
    if (!book_->try_lease(id)) return std::nullopt;
    Lease lease(std::move(use), book_, id);
    // Otherwise the writer misbehaves; `lease` gives the slot back.
    if (!lease.read_tag()) return std::nullopt;
    return lease;
}

}  // namespace framehop::shm
