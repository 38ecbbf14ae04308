// The writer's side of a ring, which hands out slots.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "framehop/shm/attach.hpp"
#include "framehop/shm/slot.hpp"

namespace framehop::shm {

// What a writer does when no slot is free. A picture that somebody leases is never touched.
enum class Overflow {
    block,                 // wait for a slot, until a deadline
    drop_oldest_unpinned,  // retire the picture that was published first of those that nobody leases, and take its slot
    reject,                // do without
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
    // Returns nullptr when every slot is in use. Throws Errc::invalid_argument for a bad tag; leaves no slot behind.
    [[nodiscard]] std::shared_ptr<Slot> try_acquire(const FrameTag& tag);
    // Waits for a slot; nullptr when `timeout` is over. Throws as try_acquire does, and Errc::closed when the ring is
    // closed meanwhile.
    [[nodiscard]] std::shared_ptr<Slot> wait_acquire(const FrameTag& tag, std::chrono::nanoseconds timeout);
    // Takes a slot as `overflow` says. Returns nullptr when that gives none: with `drop_oldest_unpinned` every
    // picture is leased, or still being written. Only `block` waits.
    [[nodiscard]] std::shared_ptr<Slot> acquire(const FrameTag& tag, Overflow overflow,
                                                std::chrono::nanoseconds timeout = {});
    bool retire(SlotId id);  // false: stale

    // Closes the ring: who waits is woken, and nothing is handed out any more. The place at the host is given up with
    // the last slot that is still filling.
    void close() noexcept { membership_->close(); }

  private:
    [[nodiscard]] std::shared_ptr<Slot> replace_oldest(const FrameTag& tag);
    [[nodiscard]] bool retire_oldest();

    std::shared_ptr<Membership> membership_;
};

}  // namespace framehop::shm
