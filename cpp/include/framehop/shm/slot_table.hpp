// All changes of slots, as lock-free steps on the control segment. It knows no processes; a holder is an index.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "framehop/shm/segment.hpp"
#include "framehop/shm/slot_word.hpp"

namespace framehop::shm {

struct SlotInfo {
    std::uint32_t slot = 0;
    SlotState state = SlotState::free;
    std::uint32_t generation = 0;
    std::uint32_t leases = 0;
    std::optional<FrameTag> tag;  // nullopt if the slot was never used, or its tag is just being written
};

// Thread-safe, and safe across processes: each method is one atomic step, or a walk of such steps over the slots.
class SlotTable {
  public:
    explicit SlotTable(std::shared_ptr<const Control> control) noexcept : control_(std::move(control)) {}

    [[nodiscard]] const Geometry& geometry() const noexcept { return control_->geometry(); }

    // The writer's side.
    [[nodiscard]] std::optional<SlotId> try_acquire(const FrameTag& tag) noexcept;
    // Waits for a slot at most `timeout`, and only while `over` is false.
    [[nodiscard]] std::optional<SlotId> wait_acquire(const FrameTag& tag, std::chrono::nanoseconds timeout,
                                                     const std::atomic<bool>& over) noexcept;
    void wake_waiters() noexcept;                                   // set their `over` first
    void set_shape(SlotId id, const PictureShape& shape) noexcept;  // while filling
    bool publish(SlotId id) noexcept;                               // filling → ready; false if `id` is stale
    bool abandon(SlotId id) noexcept;                               // filling → free; likewise
    bool retire(SlotId id) noexcept;                                // ready → free; likewise; leases stay
    bool retire_unpinned(SlotId id) noexcept;                       // likewise; false also when it is leased
    [[nodiscard]] std::uint32_t free_slots() const noexcept;

    // A reader's side. `holder` must not hold a lease on this slot already (lease.hpp counts within a process).
    [[nodiscard]] bool try_lease(SlotId id, std::uint32_t holder) noexcept;  // false: stale
    void release(std::uint32_t slot, std::uint32_t holder) noexcept;
    [[nodiscard]] bool is_ready(SlotId id) const noexcept;
    [[nodiscard]] PictureShape shape(std::uint32_t slot) const noexcept;  // under a lease
    [[nodiscard]] std::optional<FrameTag> tag(SlotId id) const;
    [[nodiscard]] bool has_writer() const noexcept;  // as the host last said

    // The host's side.
    // Takes back all leases and tickets of `gone`, the places that nobody holds, and returns the number of leases.
    // Wakes the writer even when there were none.
    std::uint32_t reclaim(HolderSet gone) noexcept;
    void note_writer(bool attached) noexcept;
    std::uint32_t adopt() noexcept;  // for a new writer, while there is none; returns its incarnation
    [[nodiscard]] std::vector<SlotInfo> snapshot() const;
    [[nodiscard]] std::uint32_t leases_of(std::uint32_t holder) const noexcept;

  private:
    [[nodiscard]] std::atomic<std::uint64_t>& word(std::uint32_t slot) const noexcept {
        return control_->slot(slot).word;
    }
    bool move(SlotId id, SlotState from, SlotState to) noexcept;
    void free_slot(std::uint32_t slot) noexcept;
    void ring_freed() noexcept;

    std::shared_ptr<const Control> control_;
};

}  // namespace framehop::shm
