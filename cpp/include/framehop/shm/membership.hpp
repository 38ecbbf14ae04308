// One process's place in a ring: its mappings, its holder index, and its connection to the host.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <optional>

#include "framehop/base/unique_fd.hpp"
#include "framehop/shm/slot_table.hpp"

namespace framehop::shm {

enum class Role : std::uint32_t { writer = 1, detector = 2, tap = 3 };

// The connection ends when the membership was closed *and* its last use is over, so leases outlive close().
// After a fork the child's copy does nothing: the child is not attached, and must not give back its parent's things.
class Membership : public std::enable_shared_from_this<Membership> {
  public:
    struct Seat {
        Role role = Role::tap;
        std::uint32_t holder = 0;
        std::uint32_t incarnation = 0;
        UniqueFd connection;  // may be empty, for tests on one mapping
    };

    Membership(std::shared_ptr<const Control> control, std::shared_ptr<const Pixels> pixels, Seat seat);
    ~Membership();
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

    // Keeps the connection open while it lives. Move-only.
    class Use {
      public:
        explicit Use(std::shared_ptr<Membership> membership) noexcept : membership_(std::move(membership)) {}
        Use(Use&&) noexcept = default;
        Use& operator=(Use&&) = delete;
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        ~Use() {
            if (membership_) membership_->end_use();
        }
        [[nodiscard]] Membership& membership() const noexcept { return *membership_; }

      private:
        std::shared_ptr<Membership> membership_;
    };

    // These are thread-safe.
    [[nodiscard]] Use use();                     // throws Errc::closed after close() and in a forked child
    [[nodiscard]] bool closed() const noexcept;  // true in a forked child
    [[nodiscard]] bool ours() const noexcept;    // false in a forked child
    void close() noexcept;

    [[nodiscard]] SlotTable& table() noexcept { return table_; }
    [[nodiscard]] const Control& control() const noexcept { return *control_; }
    [[nodiscard]] const std::shared_ptr<const Pixels>& pixels() const noexcept { return pixels_; }
    [[nodiscard]] const Geometry& geometry() const noexcept { return control_->geometry(); }
    [[nodiscard]] Role role() const noexcept { return role_; }
    [[nodiscard]] std::uint32_t holder() const noexcept { return holder_; }
    [[nodiscard]] std::uint32_t incarnation() const noexcept { return incarnation_; }

  private:
    void end_use() noexcept;
    void disconnect() noexcept;

    const std::shared_ptr<const Control> control_;
    const std::shared_ptr<const Pixels> pixels_;
    SlotTable table_;
    const Role role_;
    const std::uint32_t holder_;
    const std::uint32_t incarnation_;
    const pid_t pid_;
    mutable std::mutex mutex_;
    UniqueFd connection_;     // guarded by mutex_
    std::uint32_t uses_ = 0;  // guarded by mutex_
    bool closed_ = false;     // guarded by mutex_
};

}  // namespace framehop::shm
