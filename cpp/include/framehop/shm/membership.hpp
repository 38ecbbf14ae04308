// One process's place in a ring: its mappings, its holder index, and its connection to the host.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "framehop/base/fork_mark.hpp"
#include "framehop/shm/host_connection.hpp"
#include "framehop/shm/slot_table.hpp"

namespace framehop::shm {

// An onlooker asks who is there (look.hpp) and gets no place.
enum class Role : std::uint32_t { writer = 1, detector = 2, tap = 3, onlooker = 4 };

// The place is given up when the membership was closed *and* its last use is over, so leases outlive close().
// After a fork the child's copy does nothing: the child is not attached, and must not give back its parent's things.
class Membership : public std::enable_shared_from_this<Membership> {
  public:
    struct Seat {
        Role role = Role::tap;
        std::uint32_t holder = 0;
        std::uint32_t incarnation = 0;
        HostConnection connection;
    };

    Membership(std::shared_ptr<const Control> control, std::shared_ptr<const Pixels> pixels, Seat seat);
    ~Membership() = default;
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
    void close() noexcept;                       // wakes who waits for a slot
    [[nodiscard]] const std::atomic<bool>& closing() const noexcept { return closed_; }
    // The state of the host, as HostConnection has it. These throw as `use` does.
    [[nodiscard]] bool host_lives();
    [[nodiscard]] int host_fd();

    [[nodiscard]] SlotTable& table() noexcept { return table_; }
    // The writer's: in which order its slots were published. Thread-safe.
    void note_published(std::uint32_t slot) noexcept { published_at_[slot] = ++published_; }
    [[nodiscard]] std::uint64_t published_at(std::uint32_t slot) const noexcept { return published_at_[slot]; }
    [[nodiscard]] const Control& control() const noexcept { return *control_; }
    [[nodiscard]] const std::shared_ptr<const Pixels>& pixels() const noexcept { return pixels_; }
    [[nodiscard]] const Geometry& geometry() const noexcept { return control_->geometry(); }
    [[nodiscard]] Role role() const noexcept { return role_; }
    [[nodiscard]] std::uint32_t holder() const noexcept { return holder_; }
    [[nodiscard]] std::uint32_t incarnation() const noexcept { return incarnation_; }

  private:
    void end_use() noexcept;

    const std::shared_ptr<const Control> control_;
    const std::shared_ptr<const Pixels> pixels_;
    SlotTable table_;
    const Role role_;
    const std::uint32_t holder_;
    const std::uint32_t incarnation_;
    const pid_t pid_;
    const ForkMark mark_;
    std::atomic<std::uint64_t> published_{0};
    std::vector<std::atomic<std::uint64_t>> published_at_;  // by slot; a successor begins without pictures
    mutable std::mutex mutex_;
    HostConnection connection_;        // guarded by mutex_
    std::uint32_t uses_ = 0;           // guarded by mutex_
    std::atomic<bool> closed_{false};  // set under mutex_, so that no use begins afterwards
};

}  // namespace framehop::shm
