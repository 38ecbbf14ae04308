// The processes that are attached to a ring, and whether they live.
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

// A pidfd watches a holder's process. It becomes readable at death, even of a zombie, and cannot mean a recycled pid.
// A connection would not do: a forked child keeps it open.
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
    // Removes the holders that died or detached, and returns their indices; the caller takes back what they held.
    // A holder that hung up while it still holds something has begun to die, or lost its descriptor by accident: it
    // stays until its process is dead, for it may still be reading or writing.
    // Allocates nothing, so that the dead are removed even when no memory is left.
    using Indices = std::bitset<kMaxHolders>;
    [[nodiscard]] Indices remove_departed(const HoldsSomething& holds_something) noexcept;
    void watch(std::vector<pollfd>& watched) const;
    void clear() noexcept { places_ = {}; }

    [[nodiscard]] const std::array<std::optional<Holder>, kMaxHolders>& places() const noexcept { return places_; }

  private:
    std::array<std::optional<Holder>, kMaxHolders> places_;
};

}  // namespace framehop::shm
