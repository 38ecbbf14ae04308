// Python's Lease.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "array.hpp"
#include "framehop/base/error.hpp"
#include "framehop/shm/lease.hpp"
#include "ring_bindings.hpp"

namespace framehop::python {

using LeasePtr = std::shared_ptr<const shm::Lease>;

// Owns the lease together with its arrays, and with the messages that are sent from its slot. Used with the GIL held.
class LeaseHandle {
  public:
    explicit LeaseHandle(LeasePtr lease) : ref_(lease->ref()), tag_(lease->tag()), lease_(std::move(lease)) {}

    [[nodiscard]] const shm::SlotRef& ref() const noexcept { return ref_; }
    [[nodiscard]] const shm::FrameTag& tag() const noexcept { return tag_; }
    void release() { lease_.reset(); }

    // Shares the lease: it ends with the last who has it.
    [[nodiscard]] const LeasePtr& share() const {
        if (!lease_) throw Error(Errc::closed, "the lease was released; lease the slot again");
        return lease_;
    }
    // The lease lives in the arrays' capsule: it ends with the last view.
    [[nodiscard]] py::array_t<std::uint8_t> array() const {
        return picture_array(share()->image(), {.owner = share_with_array(lease_)});
    }
    [[nodiscard]] py::tuple planes() const {
        return plane_arrays(share()->image(), {.owner = share_with_array(lease_)});
    }

  private:
    shm::SlotRef ref_;
    shm::FrameTag tag_;
    LeasePtr lease_;
};

}  // namespace framehop::python
