// A slot that the writer is filling, and a decoder's right to it.
#pragma once

#include <atomic>
#include <memory>

#include "framehop/shm/membership.hpp"

namespace framehop::shm {

// A slot that nobody can lease yet. Destroying it gives the slot back unpublished.
// Call `image` and write to it from one thread at a time; `publish` and `abandon` may race, and the first one counts.
// While a SlotWriter has the slot, all three throw Errc::refused: its decoder may write at any moment.
class Slot {
  public:
    Slot(Membership::Use use, SlotId id) noexcept;
    ~Slot();
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    [[nodiscard]] SlotId id() const noexcept { return id_; }
    // The memory that it has for pixels.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return slot_bytes_; }
    // Returns the memory for the pixels, rows without padding. It is valid while the slot object lives, and must not be
    // written after `publish`. Throws Errc::picture_too_large naming both sizes, Errc::invalid_argument for 0 and for
    // bytes whose height is not 1, Errc::closed when the slot has ended.
    [[nodiscard]] ImageView image(std::uint32_t width, std::uint32_t height, PixelFormat format = PixelFormat::rgb8) {
        return image_in(Stage::open, width, height, format);
    }
    // Makes the picture leasable with the size last given to `image`. Throws Errc::closed when the slot has ended, or
    // when the ring was closed meanwhile (the slot is then given back); Errc::invalid_argument when `image` was never
    // called.
    SlotRef publish() { return publish_from(Stage::open); }
    // Gives the slot back unpublished. Harmless when it has ended.
    void abandon();

  private:
    friend class SlotWriter;
    enum class Stage : std::uint8_t { open, decoding, ended };

    [[nodiscard]] ImageView image_in(Stage stage, std::uint32_t width, std::uint32_t height, PixelFormat format);
    SlotRef publish_from(Stage stage);
    void abandon_from(Stage stage) noexcept;
    // Whoever ends the slot owns `use_`.
    [[nodiscard]] bool move(Stage from, Stage to) noexcept;
    void check(Stage stage) const;
    [[nodiscard]] PictureShape shape_for(std::uint32_t width, std::uint32_t height, PixelFormat format) const;
    void give_back(Membership& membership) const noexcept;

    std::shared_ptr<const Pixels> pixels_;  // arrays may outlive `use_`
    Membership::Use use_;                   // held while filling
    std::atomic<Stage> stage_{Stage::open};
    const SlotId id_;
    const std::uint64_t slot_bytes_;
    PictureShape shape_;
};

// The exclusive right to fill a slot with RGB and to end it, for a decoder. Move-only. Its calls are those of Slot,
// from one thread at a time. Destroying it leaves the slot as it is, for its owner.
class SlotWriter {
  public:
    // Throws Errc::refused when another decoder has the slot. One that has ended is taken, and `image` throws.
    explicit SlotWriter(std::shared_ptr<Slot> slot);
    SlotWriter(SlotWriter&&) noexcept = default;
    SlotWriter& operator=(SlotWriter&&) = delete;
    SlotWriter(const SlotWriter&) = delete;
    SlotWriter& operator=(const SlotWriter&) = delete;
    ~SlotWriter();

    [[nodiscard]] ImageView image(std::uint32_t width, std::uint32_t height) {
        return slot_->image_in(Slot::Stage::decoding, width, height, PixelFormat::rgb8);
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return slot_->bytes(); }
    SlotRef publish() { return slot_->publish_from(Slot::Stage::decoding); }
    void abandon() noexcept { slot_->abandon_from(Slot::Stage::decoding); }

  private:
    std::shared_ptr<Slot> slot_;
};

}  // namespace framehop::shm
