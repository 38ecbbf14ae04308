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

namespace {

bool is_newer(const FrameTag& one, const FrameTag& other) noexcept {
    return one.epoch != other.epoch ? one.epoch > other.epoch : one.seq > other.seq;
}

// Returns the newest published picture of a stream, as the table is at this moment.
std::optional<SlotId> newest_of(const std::vector<SlotInfo>& slots, std::string_view stream) {
    const SlotInfo* newest = nullptr;
    for (const SlotInfo& info : slots) {
        if (info.state != SlotState::ready || !info.tag || !(stream.empty() || info.tag->stream == stream)) continue;
        if (newest == nullptr || is_newer(*info.tag, *newest->tag)) newest = &info;
    }
    return newest == nullptr ? std::nullopt : std::optional(SlotId{newest->slot, newest->generation});
}

}  // namespace

std::optional<Lease> RingReader::try_lease_newest(std::string_view stream) {
    const Membership::Use use = membership_->use();
    const auto id = newest_of(membership_->table().snapshot(), stream);
    return id ? try_lease(*id) : std::nullopt;
}

}  // namespace framehop::shm
