#pragma once

#include <memory>
#include <optional>
#include <string>

#include "framehop/shm/attach.hpp"
#include "framehop/shm/lease.hpp"

namespace framehop::shm {

// A reader's side of a ring. It maps the pixels read-only. Thread-safe.
class RingReader {
  public:
    explicit RingReader(std::shared_ptr<Membership> membership);
    ~RingReader() { close(); }
    RingReader(const RingReader&) = delete;
    RingReader& operator=(const RingReader&) = delete;

    [[nodiscard]] const Membership& membership() const noexcept { return *membership_; }

    // Leases the picture; nullopt when it is stale, a tap is over its quota, or the slot's header makes no sense. Never
    // gives other pixels. Throws Errc::closed, and Errc::invalid_argument for a slot out of range.
    [[nodiscard]] std::optional<Lease> try_lease(SlotId id);

    // Closes the reader. Leases stay valid; the place at the host is given up with the last of them.
    void close() noexcept { membership_->close(); }

  private:
    std::shared_ptr<Membership> membership_;
    std::shared_ptr<LeaseBook> book_;
};

}  // namespace framehop::shm
