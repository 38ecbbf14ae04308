// The host owns a ring's name and watches its holders.
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
// Thread-safe. A forked child's copy is closed and holds nothing open, so that the ring's memory ends with its host.
class RingHost final : private ForkWatcher {
  public:
    // Throws the errors of Listener and create_segment.
    RingHost(std::string path, const Geometry& geometry);
    ~RingHost();
    RingHost(const RingHost&) = delete;
    RingHost& operator=(const RingHost&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t ring_id() const noexcept { return control_->ring_id(); }
    [[nodiscard]] const Geometry& geometry() const noexcept { return control_->geometry(); }

    // These throw Errc::closed after close().
    [[nodiscard]] std::vector<SlotInfo> slots() const;
    [[nodiscard]] std::vector<HolderInfo> holders() const;
    [[nodiscard]] std::uint64_t reclaimed() const;  // leases taken back from the dead so far

    // Ends the thread and the connections and removes the socket's file. Closing twice is harmless. Mapped memory lives
    // on with its users.
    void close() noexcept;

  private:
    void serve() noexcept;
    bool wait_for_events() noexcept;
    void look_around();
    void see_off_departed() noexcept;
    void tell_of_writer(bool attached) noexcept;
    void admit(Caller caller);
    void tell(const Caller& onlooker) const;
    [[nodiscard]] std::vector<HolderInfo> all_holders() const;
    void welcome(Caller caller, std::uint32_t place, UniqueFd process);
    void check_open() const;

    void before_fork() noexcept override { mutex_.lock(); }
    void after_fork_in_parent() noexcept override { mutex_.unlock(); }
    void after_fork_in_child() noexcept override;

    const std::string path_;
    const pid_t pid_;
    std::unique_ptr<Door> door_;  // used by the thread alone while it runs
    SegmentFds fds_;
    UniqueFd readable_pixels_;
    std::shared_ptr<const Control> control_;
    SlotTable table_;
    UniqueFd stop_;
    std::vector<pollfd> watched_;  // used by the thread alone
    mutable std::mutex mutex_;
    Holders holders_;              // guarded by mutex_
    std::uint64_t reclaimed_ = 0;  // guarded by mutex_
    bool closed_ = false;          // guarded by mutex_
    ForkWatch forks_;
    std::unique_ptr<std::thread> thread_;  // last, as it uses all of the above
};

}  // namespace framehop::shm
