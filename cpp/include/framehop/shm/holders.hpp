// The processes that are attached to a ring, and whether they live.
#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <vector>

#include "framehop/base/unique_fd.hpp"
#include "framehop/shm/membership.hpp"

struct pollfd;

namespace framehop::shm {

struct HolderInfo {
    std::uint32_t index = 0;
    pid_t pid = 0;
    Role role = Role::tap;
    std::uint32_t leases = 0;
};

// A pidfd watches a holder's process. It becomes readable at death, even of a zombie, and cannot mean a recycled pid.
// A connection would not do: a forked child keeps it open.
struct Holder {
    pid_t pid = 0;
    Role role = Role::tap;
    UniqueFd connection;  // empty once it hung up without a goodbye
    UniqueFd process;
};

// The places of a ring, by holder index. Not thread-safe.
class Holders {
  public:
    // `control`: the inode of the control segment, which every holder maps.
    explicit Holders(ino_t control) noexcept : control_(control) {}

    [[nodiscard]] std::optional<std::uint32_t> free_place() const noexcept;
    [[nodiscard]] const Holder* writer() const noexcept;
    void seat(std::uint32_t index, Holder holder) noexcept { places_[index] = std::move(holder); }
    // Removes the holders that said goodbye, died, or run another program by now; true if there were any. The caller
    // takes back what they held. A holder that hung up without a goodbye has begun to die, or lost its descriptor by
    // accident: it stays until its process is dead, for it may still be reading or writing.
    // Needs no memory, so that the dead are removed even when none is left.
    [[nodiscard]] bool remove_departed() noexcept;
    [[nodiscard]] HolderSet vacant() const noexcept;
    // Whether a living holder has no connection. Nothing says when it turns to another program, so one has to look.
    [[nodiscard]] bool any_lost() const noexcept;
    void note_to_readers() const noexcept;  // that a writer came or went
    void watch(std::vector<pollfd>& watched) const;
    void clear() noexcept { places_ = {}; }

    [[nodiscard]] const std::array<std::optional<Holder>, kMaxHolders>& places() const noexcept { return places_; }

  private:
    [[nodiscard]] bool leaves(Holder& holder) const noexcept;

    std::array<std::optional<Holder>, kMaxHolders> places_;
    ino_t control_;
};

}  // namespace framehop::shm
