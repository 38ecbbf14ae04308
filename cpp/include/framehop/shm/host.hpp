// Who owns a ring's name and watches over its holders.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "framehop/base/fork_watch.hpp"
#include "framehop/shm/door.hpp"
#include "framehop/shm/holders.hpp"

struct pollfd;

namespace framehop::shm {

// Creates the segments and serves attachments from a thread of its own until closed. Sleeps while nothing happens.
// Thread-safe. A forked child's copy is closed, and holds nothing open: the ring's memory is gone with its host.
class RingHost final : private ForkWatcher {
  public:
    // See Listener and create_segment for the errors.
    RingHost(std::string path, const Geometry& geometry);
    ~RingHost();
    RingHost(const RingHost&) = delete;
    RingHost& operator=(const RingHost&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t ring_id() const noexcept { return control_->ring_id(); }
    [[nodiscard]] const Geometry& geometry() const noexcept { return control_->geometry(); }

    // All of these throw Errc::closed after close().
    [[nodiscard]] std::vector<SlotInfo> slots() const;
    [[nodiscard]] std::vector<HolderInfo> holders() const;
    [[nodiscard]] std::uint64_t reclaimed() const;  // leases taken back from the dead so far

    // Ends the thread, the connections and the socket's file. Twice is harmless. Mapped memory lives on with its users.
    void close() noexcept;

  private:
    void serve() noexcept;
    bool wait_for_events() noexcept;
    void look_around();
    void see_off_departed() noexcept;
    void admit(Caller caller);
    void welcome(Caller caller, std::uint32_t place, UniqueFd process);
    void check_open() const;

    void before_fork() noexcept override { mutex_.lock(); }
    void after_fork_in_parent() noexcept override { mutex_.unlock(); }
    void after_fork_in_child() noexcept override;

    const std::string path_;
    const pid_t pid_;
    std::unique_ptr<Door> door_;  // the thread's, while it runs
    SegmentFds fds_;
    UniqueFd readable_pixels_;
    std::shared_ptr<const Control> control_;
    SlotTable table_;
    UniqueFd stop_;
    std::vector<pollfd> watched_;  // the thread's
    mutable std::mutex mutex_;
    Holders holders_;              // guarded by mutex_
    std::uint64_t reclaimed_ = 0;  // guarded by mutex_
    bool closed_ = false;          // guarded by mutex_
    ForkWatch forks_;
    std::unique_ptr<std::thread> thread_;  // last: it uses all of the above
};

}  // namespace framehop::shm
