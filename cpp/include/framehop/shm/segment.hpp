// The two memfds of a ring. All pages are taken at the start, so that a full machine is an error then; after that they
// are sealed against shrinking and growing, so that no peer can cause another's SIGBUS. A crash leaves nothing behind.
#pragma once

#include <string>

#include "framehop/base/unique_fd.hpp"
#include "framehop/shm/layout.hpp"
#include "framehop/shm/mapping.hpp"

namespace framehop::shm {

struct SegmentFds {
    UniqueFd pixels;
    UniqueFd control;
};

// Creates both, takes all pages, writes the identity, and seals them. In /proc the control memory bears `path`, the
// socket of its ring, so that a ring is found again by the processes that map it. Throws Errc::no_memory naming the
// bytes needed.
[[nodiscard]] SegmentFds create_segment(const Geometry& geometry, std::uint64_t ring_id, const std::string& path = {});

// Returns a second descriptor of the same file that cannot be mapped writable. Throws Errc::system.
[[nodiscard]] UniqueFd reopen_read_only(int fd);

// A mapped control segment. Its size and seals are checked before its content is used, and the checked numbers are
// copied out, so that a peer that overwrites them later moves no bound here.
class Control {
  public:
    // Maps and checks the segment. Throws Errc::wrong_layout saying what does not match.
    explicit Control(int fd);

    [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
    [[nodiscard]] std::uint64_t ring_id() const noexcept { return ring_id_; }
    [[nodiscard]] ControlHeader& header() const noexcept { return *reinterpret_cast<ControlHeader*>(mapping_.data()); }
    // Precondition: slot < slot_count.
    [[nodiscard]] SlotRecord& slot(std::uint32_t slot) const noexcept {
        return reinterpret_cast<SlotRecord*>(mapping_.data() + kSlotsOffset)[slot];
    }
    // Precondition: ticket < tap_quota.
    [[nodiscard]] TapTicket& ticket(std::uint32_t ticket) const noexcept {
        return reinterpret_cast<TapTicket*>(mapping_.data() + tickets_offset(geometry_.slot_count))[ticket];
    }

  private:
    Mapping mapping_;
    Geometry geometry_;
    std::uint64_t ring_id_ = 0;
};

// The mapped pixels of a ring, read-only unless for the writer.
class Pixels {
  public:
    // Throws Errc::wrong_layout when the file is not sealed, or not of the size that follows from `geometry`.
    Pixels(int fd, const Geometry& geometry, Mapping::Access access);

    // Precondition: slot < slot_count.
    [[nodiscard]] std::uint8_t* slot(std::uint32_t slot) const noexcept {
        return reinterpret_cast<std::uint8_t*>(mapping_.data()) + slot * slot_bytes_;
    }

    // All slots, and what may lie behind them.
    [[nodiscard]] const Mapping& mapping() const noexcept { return mapping_; }

  private:
    Mapping mapping_;
    std::uint64_t slot_bytes_;
};

}  // namespace framehop::shm
