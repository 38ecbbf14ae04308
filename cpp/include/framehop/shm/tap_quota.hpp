// The tickets that taps need to pin slots. There are as many as the ring has slots beyond the pipeline's, so slow or
// stopped taps never take one of the pipeline's. A ticket bears its holder's index, unlike a bare count: when a tap is
// killed at any instant, the host knows which tickets to take back.
#pragma once

#include <optional>

#include "framehop/shm/segment.hpp"

namespace framehop::shm {

// Borrows the control segment. Thread-safe, and safe across processes.
class TapQuota {
  public:
    explicit TapQuota(const Control& control) noexcept : control_(control) {}

    [[nodiscard]] std::optional<std::uint32_t> try_take(std::uint32_t holder) noexcept;  // nullopt: none is left
    void give_back(std::uint32_t ticket) noexcept;
    void take_back(std::uint32_t holder) noexcept;  // for the host: frees all tickets of a dead holder

  private:
    const Control& control_;
};

}  // namespace framehop::shm
