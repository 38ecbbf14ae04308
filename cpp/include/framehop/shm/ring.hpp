// The writer's side of a ring, and the slots it hands out.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "framehop/shm/attach.hpp"
#include "framehop/shm/membership.hpp"

namespace framehop::shm {

// A slot that the writer is filling: nobody can lease it. Destroying it gives the slot back unpublished.
// Call `image` and write to it from one thread at a time; `publish` and `abandon` may race, and the first one counts.
class Slot {
  public:
    Slot(Membership::Use use, SlotId id) noexcept;
    ~Slot() { abandon(); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    [[nodiscard]] SlotId id() const noexcept { return id_; }
    // The memory that it has for pixels.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return slot_bytes_; }
    // Returns the memory for the pixels, RGB, rows without padding. It is valid while the slot object lives, and must
    // not be written after `publish`. Throws Errc::picture_too_large naming both sizes, Errc::invalid_argument for 0,
    // Errc::closed when the slot has ended.
    [[nodiscard]] ImageView image(std::uint32_t width, std::uint32_t height);
    // Makes the picture leasable with the size last given to `image`. Throws Errc::closed when the slot has ended, or
    // when the ring was closed meanwhile (the slot is then given back); Errc::invalid_argument when `image` was never
    // called.
    SlotRef publish();
    // Gives the slot back unpublished. Harmless when it has ended.
    void abandon() noexcept;

  private:
    [[nodiscard]] PictureShape shape_for(std::uint32_t width, std::uint32_t height) const;
    void give_back(Membership& membership) const noexcept;

    std::shared_ptr<const Pixels> pixels_;  // arrays may outlive `use_`
    Membership::Use use_;                   // held while filling
    std::atomic<bool> ended_{false};        // whoever sets it owns `use_`
    const SlotId id_;
    const std::uint64_t slot_bytes_;
    PictureShape shape_;
};

// The writer's side of a ring. Thread-safe.
class Ring {
  public:
    explicit Ring(std::shared_ptr<Membership> membership) noexcept : membership_(std::move(membership)) {}
    ~Ring() { close(); }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    [[nodiscard]] const Membership& membership() const noexcept { return *membership_; }

    // These throw Errc::closed after close().
    [[nodiscard]] std::uint32_t free_slots() const;
    // Returns nullptr when every slot is in use. Throws Errc::invalid_argument for a bad tag.
    [[nodiscard]] std::shared_ptr<Slot> try_acquire(const FrameTag& tag);
    [[nodiscard]] std::shared_ptr<Slot> wait_acquire(const FrameTag& tag, std::chrono::nanoseconds timeout);
    bool retire(SlotId id);  // false: stale

    // Closes the ring. The place at the host is given up with the last slot that is still filling.
    void close() noexcept { membership_->close(); }

  private:
    std::shared_ptr<Membership> membership_;
};

}  // namespace framehop::shm
