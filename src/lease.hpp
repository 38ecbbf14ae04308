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
    // The lease lives in the array's capsule: it ends with the last view.
    [[nodiscard]] py::array_t<std::uint8_t> array() const {
        const ConstImageView view = share()->image();
        // The const_cast is safe: the array is made read-only, and so is the mapping.
        return picture_array({const_cast<std::uint8_t*>(view.data), view.width, view.height, view.stride, view.format},
                             share_with_array(lease_), false);
    }

  private:
    shm::SlotRef ref_;
    shm::FrameTag tag_;
    LeasePtr lease_;
};

}  // namespace framehop::python
