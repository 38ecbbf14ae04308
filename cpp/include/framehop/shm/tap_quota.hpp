// The tickets that taps need to pin slots. There are as many as the ring has slots beyond the pipeline's, so slow or
// stopped taps never take one of the pipeline's. One is kept for each attached tap, so that a stopped tap cannot take
// them all; the others go to whoever comes first. A ticket bears its holder's index, unlike a bare count: when a tap is
// killed at any instant, the host knows which tickets to take back.
#pragma once

#include <optional>

#include "framehop/shm/segment.hpp"
#include "framehop/shm/slot_word.hpp"

namespace framehop::shm {

// Borrows the control segment. Thread-safe, and safe across processes.
class TapQuota {
  public:
    explicit TapQuota(const Control& control) noexcept : control_(control) {}

    // A tap's side. nullopt: `holder`'s own ticket is in use, and so is every ticket that is kept for nobody.
    [[nodiscard]] std::optional<std::uint32_t> try_take(std::uint32_t holder) noexcept;
    void give_back(std::uint32_t ticket) noexcept;

    // The host's side.
    // Keeps a ticket for `holder`, who gets it once its present user gives it back. False when each is kept for
    // somebody.
    [[nodiscard]] bool keep_one_for(std::uint32_t holder) noexcept;
    void take_back(HolderSet gone) noexcept;  // the tickets that they use, and those kept for them

  private:
    const Control& control_;
};

}  // namespace framehop::shm
