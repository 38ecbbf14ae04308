// The leases of one reader. Several leases of one slot share the holder's bit in the slot word; they are counted here.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "framehop/shm/membership.hpp"
#include "framehop/shm/tap_quota.hpp"

namespace framehop::shm {

// Counts a process's leases per slot, so that the last release and a new lease of one slot cannot cross. Thread-safe.
class LeaseBook {
  public:
    explicit LeaseBook(Membership& membership);

    [[nodiscard]] bool try_lease(SlotId id);  // false: stale, or a tap over its quota
    void release(std::uint32_t slot) noexcept;

  private:
    struct Entry {
        std::uint32_t count = 0;
        std::optional<std::uint32_t> ticket;  // set for a tap
    };
    bool take(Entry& entry, SlotId id);

    Membership& membership_;
    TapQuota quota_;
    std::mutex mutex_;
    std::vector<Entry> entries_;  // guarded by mutex_; one per slot
};

// The right to read one slot, until destroyed. Move-only; const methods are thread-safe.
class Lease {
  public:
    // Takes over what `book` granted, before anything else can throw.
    Lease(Membership::Use use, std::shared_ptr<LeaseBook> book, SlotId id) noexcept;
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    [[nodiscard]] const SlotRef& ref() const noexcept { return ref_; }
    [[nodiscard]] const FrameTag& tag() const noexcept { return tag_; }
    // Reads the tag from the slot; false when it makes no sense there, or the picture's shape does not.
    [[nodiscard]] bool read_tag();
    // Borrowed: valid while the lease lives.
    [[nodiscard]] ConstImageView image() const noexcept;

  private:
    Membership::Use use_;  // destroyed last: the connection must outlive the lease bit
    std::shared_ptr<LeaseBook> book_;
    SlotRef ref_;
    FrameTag tag_;
    bool fits_ = false;
};

}  // namespace framehop::shm
