#include "framehop/shm/ring.hpp"

#include "framehop/base/error.hpp"

namespace framehop::shm {
namespace {

std::shared_ptr<Slot> make_slot(Membership::Use use, std::optional<SlotId> id) {
    return id ? std::make_shared<Slot>(std::move(use), *id) : nullptr;
}

[[noreturn]] void slot_ended() {
    throw Error(Errc::closed, "the slot was published or abandoned before; acquire another");
}

}  // namespace

Slot::Slot(Membership::Use use, SlotId id) noexcept
    : pixels_(use.membership().pixels()),
      use_(std::move(use)),
      id_(id),
      slot_bytes_(use_.membership().geometry().slot_bytes) {}

PictureShape Slot::shape_for(std::uint32_t width, std::uint32_t height) const {
    if (width == 0 || height == 0) throw Error(Errc::invalid_argument, "a picture has at least one pixel a side");
    const std::string size = std::to_string(width) + " x " + std::to_string(height);
    const std::uint64_t stride = std::uint64_t{width} * bytes_per_pixel(PixelFormat::rgb8);
    // Compare stride with slot_bytes first, so that the product cannot overflow.
    if (stride > slot_bytes_ || stride > UINT32_MAX || stride * height > slot_bytes_) {
        throw Error(Errc::picture_too_large, "a picture of " + size + " pixels does not fit into a slot of " +
                                                 std::to_string(slot_bytes_) + " bytes");
    }
    return {.width = width, .height = height, .stride = static_cast<std::uint32_t>(stride)};
}

ImageView Slot::image(std::uint32_t width, std::uint32_t height) {
    if (ended_.load(std::memory_order_acquire)) slot_ended();
    shape_ = shape_for(width, height);
    use_.membership().table().set_shape(id_, shape_);
    return {pixels_->slot(id_.slot), shape_.width, shape_.height, shape_.stride, shape_.format};
}

SlotRef Slot::publish() {
    if (ended_.load(std::memory_order_acquire)) slot_ended();
    if (shape_.width == 0) throw Error(Errc::invalid_argument, "the slot holds no picture yet; write one first");
    if (ended_.exchange(true, std::memory_order_acq_rel)) slot_ended();
    const Membership::Use use = std::move(use_);
    SlotTable& table = use.membership().table();
    if (use.membership().closed() || !table.publish(id_)) {
        give_back(use.membership());
        throw Error(Errc::closed, "the ring was closed before the slot was published; its picture is dropped");
    }
    return {id_.slot, id_.generation, shape_.width, shape_.height, shape_.stride};
}

void Slot::abandon() noexcept {
    if (ended_.exchange(true, std::memory_order_acq_rel)) return;
    const Membership::Use use = std::move(use_);
    give_back(use.membership());
}

// A forked child's copy must not give back its parent's slot.
void Slot::give_back(Membership& membership) const noexcept {
    if (membership.ours()) membership.table().abandon(id_);
}

std::uint32_t Ring::free_slots() const {
    const Membership::Use use = membership_->use();
    return membership_->table().free_slots();
}

std::shared_ptr<Slot> Ring::try_acquire(const FrameTag& tag) {
    check(tag);
    Membership::Use use = membership_->use();
    const auto id = membership_->table().try_acquire(tag);
    return make_slot(std::move(use), id);
}

std::shared_ptr<Slot> Ring::wait_acquire(const FrameTag& tag, std::chrono::nanoseconds timeout) {
    check(tag);
    Membership::Use use = membership_->use();
    const auto id = membership_->table().wait_acquire(tag, timeout);
    return make_slot(std::move(use), id);
}

bool Ring::retire(SlotId id) {
    const Membership::Use use = membership_->use();
    return id.slot < membership_->geometry().slot_count && membership_->table().retire(id);
}

}  // namespace framehop::shm
