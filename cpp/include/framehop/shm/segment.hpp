// The two memfds of a ring. Sealed against shrinking and growing once their pages are there: no peer can bring SIGBUS
// on another, a full machine is an error at the start, and nothing is left behind by a crash.
#pragma once

#include "framehop/base/unique_fd.hpp"
#include "framehop/shm/layout.hpp"
#include "framehop/shm/mapping.hpp"

namespace framehop::shm {

struct SegmentFds {
    UniqueFd pixels;
    UniqueFd control;
};

// Creates both, all pages taken, identity written, sealed. Throws Errc::no_memory naming the bytes needed.
[[nodiscard]] SegmentFds create_segment(const Geometry& geometry, std::uint64_t ring_id);

// A second descriptor of the same file that cannot be mapped writable. Throws Errc::system.
[[nodiscard]] UniqueFd reopen_read_only(int fd);

// A control segment, mapped; checked against its own size and seals before anything in it is believed. What was checked
// is copied out: a peer scribbling there later moves no bound here.
class Control {
  public:
    // Throws Errc::wrong_layout saying what does not match.
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

// The pixels of a ring, mapped; read-only unless it is the writer's.
class Pixels {
  public:
    // Throws Errc::wrong_layout when the file is not of the size that `geometry` asks for, or not sealed.
    Pixels(int fd, const Geometry& geometry, Mapping::Access access);

    // Precondition: slot < slot_count.
    [[nodiscard]] std::uint8_t* slot(std::uint32_t slot) const noexcept {
        return reinterpret_cast<std::uint8_t*>(mapping_.data()) + slot * slot_bytes_;
    }

  private:
    Mapping mapping_;
    std::uint64_t slot_bytes_;
};

}  // namespace framehop::shm
