#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

    // Leases the newest picture of a stream, of any for an empty name, among those that are published now: a slot is
    // freed as soon as the pipeline is done with it, so there may be none at any one moment. Otherwise like
    // `try_lease`.
    [[nodiscard]] std::optional<Lease> try_lease_newest(std::string_view stream);

    // Whether the host lives: without it no picture comes any more. False also when our descriptor was closed behind
    // our back. Throws Errc::closed.
    [[nodiscard]] bool alive() const { return membership_->host_lives(); }
    // Whether a writer is attached; meanwhile a successor may be on its way. Only true to life while `alive`.
    [[nodiscard]] bool has_writer() const;
    // A descriptor that becomes readable when a writer comes or goes, until `alive` is asked, and stays so once the
    // host is gone. Borrowed: valid until the reader is closed; never read from it. Throws Errc::closed.
    [[nodiscard]] int fd() const { return membership_->host_fd(); }

    // Closes the reader. Leases stay valid; the place at the host is given up with the last of them.
    void close() noexcept { membership_->close(); }

  private:
    std::shared_ptr<Membership> membership_;
    std::shared_ptr<LeaseBook> book_;
};

}  // namespace framehop::shm
