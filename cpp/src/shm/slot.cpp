#include "framehop/shm/slot.hpp"

#include "framehop/base/error.hpp"

namespace framehop::shm {

Slot::Slot(Membership::Use use, SlotId id) noexcept
    : pixels_(use.membership().pixels()),
      use_(std::move(use)),
      id_(id),
      slot_bytes_(use_.membership().geometry().slot_bytes) {}

// A SlotWriter shares the slot, so none has it here.
Slot::~Slot() { abandon_from(Stage::open); }

// acquire and release pair up: who ends a slot sees the shape and the pixels that were written before.
bool Slot::move(Stage from, Stage to) noexcept {
    return stage_.compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_acquire);
}

void Slot::check(Stage stage) const {
    const Stage now = stage_.load(std::memory_order_acquire);
    if (now == stage) return;
    if (now == Stage::ended) {
        throw Error(Errc::closed, "the slot was published or abandoned before; acquire another");
    }
    throw Error(Errc::refused, "a decoder is writing to slot " + std::to_string(id_.slot) + "; wait until it is done");
}

PictureShape Slot::shape_for(std::uint32_t width, std::uint32_t height, PixelFormat format) const {
    if (width == 0 || height == 0) throw Error(Errc::invalid_argument, "a picture has at least one pixel a side");
    if (format == PixelFormat::bytes && height != 1) throw Error(Errc::invalid_argument, "bytes have a height of 1");
    const std::uint64_t row = row_bytes(format, width);
    const PictureShape shape{
        .width = width, .height = height, .stride = static_cast<std::uint32_t>(row), .format = format};
    if (row <= UINT32_MAX && fits(shape, slot_bytes_)) return shape;
    throw Error(Errc::picture_too_large, "a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                                             " pixels in " + std::string(name(format)) +
                                             " does not fit into a slot of " + std::to_string(slot_bytes_) + " bytes");
}

ImageView Slot::image_in(Stage stage, std::uint32_t width, std::uint32_t height, PixelFormat format) {
    check(stage);
    shape_ = shape_for(width, height, format);
    use_.membership().table().set_shape(id_, shape_);
    return {pixels_->slot(id_.slot), shape_.width, shape_.height, shape_.stride, shape_.format};
}

SlotRef Slot::publish_from(Stage stage) {
    check(stage);
    if (shape_.width == 0) throw Error(Errc::invalid_argument, "the slot holds no picture yet; write one first");
    while (!move(stage, Stage::ended)) check(stage);
    const Membership::Use use = std::move(use_);
    SlotTable& table = use.membership().table();
    use.membership().note_published(id_.slot);
    if (use.membership().closed() || !table.publish(id_)) {
        give_back(use.membership());
        throw Error(Errc::closed, "the ring was closed before the slot was published; its picture is dropped");
    }
    return {id_.slot, id_.generation, shape_.width, shape_.height, shape_.stride, shape_.format};
}

void Slot::abandon() {
    if (stage_.load(std::memory_order_acquire) == Stage::decoding) check(Stage::open);
    abandon_from(Stage::open);
}

void Slot::abandon_from(Stage stage) noexcept {
    if (!move(stage, Stage::ended)) return;
    const Membership::Use use = std::move(use_);
    give_back(use.membership());
}

// A forked child's copy must not give back its parent's slot.
void Slot::give_back(Membership& membership) const noexcept {
    if (membership.ours()) membership.table().abandon(id_);
}

SlotWriter::SlotWriter(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {
    using Stage = Slot::Stage;
    while (!slot_->move(Stage::open, Stage::decoding)) {
        if (slot_->stage_.load(std::memory_order_acquire) == Stage::ended) return;
        slot_->check(Stage::open);
    }
}

SlotWriter::~SlotWriter() {
    // False when it has ended, as it does after a decode.
    if (slot_) static_cast<void>(slot_->move(Slot::Stage::decoding, Slot::Stage::open));
}

}  // namespace framehop::shm
