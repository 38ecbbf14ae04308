// Who is attached to a ring, and whether they live.
#pragma once

#include <array>
#include <bitset>
#include <functional>
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

// A holder's process is watched by a pidfd: it turns readable at death, zombie included, cannot mean a recycled pid,
// and is not kept alive by a forked child, as a connection is.
struct Holder {
    pid_t pid = 0;
    Role role = Role::tap;
    UniqueFd connection;  // empty once it hung up
    UniqueFd process;
};

// The places of a ring, by holder index. Not thread-safe.
class Holders {
  public:
    [[nodiscard]] std::optional<std::uint32_t> free_place() const noexcept;
    [[nodiscard]] const Holder* writer() const noexcept;
    void seat(std::uint32_t index, Holder holder) noexcept { places_[index] = std::move(holder); }
    using HoldsSomething = std::function<bool(std::uint32_t index, Role role)>;
    // Removes whoever died or detached by now and returns their indices; what they held is the caller's to take back.
    // One that hung up while it still holds something has either begun to die or lost its descriptor by accident: it
    // stays until its process is dead, for it may still be reading or writing.
    // Allocates nothing: the dead are seen off also when there is no memory left.
    using Indices = std::bitset<kMaxHolders>;
    [[nodiscard]] Indices remove_departed(const HoldsSomething& holds_something) noexcept;
    void watch(std::vector<pollfd>& watched) const;
    void clear() noexcept { places_ = {}; }

    [[nodiscard]] const std::array<std::optional<Holder>, kMaxHolders>& places() const noexcept { return places_; }

  private:
    std::array<std::optional<Holder>, kMaxHolders> places_;
};

}  // namespace framehop::shm
