// Tickets that taps need to pin slots. There are as many as the ring has slots beyond the pipeline's, so slow or
// stopped taps never take one of those. A ticket bears its holder's index: when a tap is killed at any instant, the
// host knows whose tickets to take back, which a bare count could not tell.
#pragma once

#include <optional>

#include "framehop/shm/segment.hpp"

namespace framehop::shm {

// Borrows the control segment. Thread-safe, and safe across processes.
class TapQuota {
  public:
    explicit TapQuota(const Control& control) noexcept : control_(control) {}

    [[nodiscard]] std::optional<std::uint32_t> try_take(std::uint32_t holder) noexcept;  // nullopt: all are out
    void give_back(std::uint32_t ticket) noexcept;
    void take_back(std::uint32_t holder) noexcept;  // the host's: everything of a dead holder

  private:
    const Control& control_;
};

}  // namespace framehop::shm
