#include "framehop/shm/host.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "framehop/shm/available_memory.hpp"
#include "framehop/shm/look.hpp"
#include "framehop/shm/tap_quota.hpp"

namespace framehop::shm {
namespace {

std::uint64_t random_id() {
    std::uint64_t id = 0;
    if (::getrandom(&id, sizeof id, 0) != sizeof id) throw_errno("getrandom");
    return id;
}

SegmentFds make_segment(const Geometry& geometry, const std::string& path) {
    check_available_memory(geometry);
    return create_segment(geometry, random_id(), path);
}

UniqueFd make_stop() {
    UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd && is_out_of_descriptors(errno)) throw_no_descriptor("a ring host");
    if (!fd) throw_errno("eventfd");
    return fd;
}

ino_t inode_of(int fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) throw_errno("fstat of the ring's memory");
    return status.st_ino;
}

// Reserves room for all that can be watched, so that waiting never allocates and thus never fails.
std::vector<pollfd> room_for_all() {
    std::vector<pollfd> watched;
    watched.reserve(2 + Door::kMaxWaiting + std::size_t{2} * kMaxHolders);
    return watched;
}

template <class Work>
std::unique_ptr<std::thread> start(Work work) {
    try {
        return std::make_unique<std::thread>(work);
    } catch (const std::system_error& error) {
        throw Error(Errc::system, std::string("cannot start the thread of a ring host: ") + error.what());
    }
}

constexpr std::chrono::seconds kLookAtLost{1};

// Returns milliseconds, -1 for ever. Rounds up, so that the deadline is over when the wait ends.
int poll_timeout(const std::optional<Clock::time_point>& deadline) noexcept {
    if (!deadline) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

}  // namespace

// Makes the door first, so that a wrong path is found before any memory is taken.
RingHost::RingHost(std::string path, const Geometry& geometry)
    : path_(std::move(path)),
      pid_(::getpid()),
      door_(std::make_unique<Door>(path_)),
      fds_(make_segment(geometry, path_)),
      readable_pixels_(reopen_read_only(fds_.pixels.get())),
      control_(std::make_shared<const Control>(fds_.control.get())),
      table_(control_),
      stop_(make_stop()),
      watched_(room_for_all()),
      holders_(inode_of(fds_.control.get())),
      forks_(*this),
      thread_(start([this] { serve(); })) {}

RingHost::~RingHost() {
    if (::getpid() == pid_) {
        close();
        return;
    }
    // In a forked child the thread does not run, so joining would wait for ever; and the socket's file is the parent's.
    // NOLINTNEXTLINE(bugprone-unused-return-value): the handle is leaked on purpose.
    static_cast<void>(thread_.release());
}

// The lock was taken before the fork, so the holders are consistent here. The door was in use by the thread, so only
// its listener is closed.
void RingHost::after_fork_in_child() noexcept {
    closed_ = true;
    if (door_) door_->disown();
    holders_.clear();
    fds_ = {};
    readable_pixels_.reset();
    mutex_.unlock();
}

void RingHost::close() noexcept {
    if (::getpid() != pid_) return;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        closed_ = true;
    }
    ::eventfd_write(stop_.get(), 1);
    thread_->join();
    door_.reset();
    const std::lock_guard lock(mutex_);
    holders_.clear();
}

void RingHost::serve() noexcept {
    while (wait_for_events()) {
        try {
            look_around();
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
            // Memory ran out for one caller, who learns of it because its connection was dropped. The others are still
            // served.
        }
    }
}

bool RingHost::wait_for_events() noexcept {
    watched_.clear();
    watched_.push_back({.fd = stop_.get(), .events = POLLIN, .revents = 0});
    door_->watch(watched_, Clock::now());
    std::optional<Clock::time_point> next = door_->next_deadline();
    {
        const std::lock_guard lock(mutex_);
        holders_.watch(watched_);
        if (holders_.any_lost()) next = std::min(next.value_or(Clock::time_point::max()), Clock::now() + kLookAtLost);
    }
    ::poll(watched_.data(), watched_.size(), poll_timeout(next));
    return watched_.front().revents == 0;
}

// Looks at all descriptors, whichever woke us: attachments and departures are rare, and the look is short. It begins
// with the departed, who need no memory, so that their slots are freed even when memory is short.
void RingHost::look_around() {
    {
        const std::lock_guard lock(mutex_);
        see_off_departed();
    }
    std::vector<Caller> callers = door_->callers(Clock::now());
    const std::lock_guard lock(mutex_);
    for (Caller& caller : callers) admit(std::move(caller));
}

void RingHost::see_off_departed() noexcept {
    if (!holders_.remove_departed()) return;
    // The bits of all places that nobody holds are taken back, so that a stray one pins no slot for ever.
    reclaimed_ += table_.reclaim(holders_.vacant());
    if (holders_.writer() == nullptr) tell_of_writer(false);
}

void RingHost::tell_of_writer(bool attached) noexcept {
    if (table_.has_writer() == attached) return;
    table_.note_writer(attached);
    holders_.note_to_readers();
}

void RingHost::admit(Caller caller) {
    // A predecessor may have died since the last look, and its successor must not be refused because of it.
    see_off_departed();
    if (caller.role == Role::onlooker) return tell(caller);
    const Holder* writer = caller.role == Role::writer ? holders_.writer() : nullptr;
    if (writer != nullptr) {
        refuse(caller.connection.get(), Verdict::refused,
               "process " + std::to_string(writer->pid) + " is its writer; end it first");
        return;
    }
    const auto place = holders_.free_place();
    if (!place) {
        refuse(caller.connection.get(), Verdict::refused,
               "all " + std::to_string(kMaxHolders) + " places are taken; detach a reader first");
        return;
    }
    UniqueFd process = peer_pidfd(caller.connection.get(), caller.peer.pid);
    if (!process) {
        refuse(caller.connection.get(), Verdict::refused,
               "the host cannot watch your process: " + std::generic_category().message(errno));
        return;
    }
    if (caller.role == Role::tap && !TapQuota(*control_).keep_one_for(*place)) {
        refuse(caller.connection.get(), Verdict::refused,
               "it has " + std::to_string(geometry().tap_quota) +
                   " slots for taps, and none is left; detach a tap, or create the ring with a larger tap_quota");
        return;
    }
    welcome(std::move(caller), *place, std::move(process));
}

void RingHost::tell(const Caller& onlooker) const {
    const LookReply reply = describe(*control_, table_, all_holders(), pid_);
    static_cast<void>(try_send(onlooker.connection.get(), std::as_bytes(std::span(&reply, 1)), {}));
}

void RingHost::welcome(Caller caller, std::uint32_t place, UniqueFd process) {
    const bool writes = caller.role == Role::writer;
    if (writes) reclaimed_ += table_.reclaim(holders_.vacant());
    const AttachReply reply{.holder = place, .incarnation = writes ? table_.adopt() : 0};
    const std::array fds{writes ? fds_.pixels.get() : readable_pixels_.get(), fds_.control.get()};
    if (!try_send(caller.connection.get(), std::as_bytes(std::span(&reply, 1)), fds)) {
        TapQuota(*control_).take_back(only(place));
        return;
    }
    if (writes) tell_of_writer(true);
    holders_.seat(place, {.pid = caller.peer.pid,
                          .role = caller.role,
                          .connection = std::move(caller.connection),
                          .process = std::move(process)});
}

void RingHost::check_open() const {
    if (closed_) throw Error(Errc::closed, "the ring host is closed");
}

std::vector<SlotInfo> RingHost::slots() const {
    const std::lock_guard lock(mutex_);
    check_open();
    return table_.snapshot();
}

std::vector<HolderInfo> RingHost::holders() const {
    const std::lock_guard lock(mutex_);
    check_open();
    return all_holders();
}

std::vector<HolderInfo> RingHost::all_holders() const {
    std::vector<HolderInfo> infos;
    for (std::uint32_t i = 0; i < kMaxHolders; ++i) {
        if (const auto& holder = holders_.places()[i]) {
            infos.push_back({.index = i, .pid = holder->pid, .role = holder->role, .leases = table_.leases_of(i)});
        }
    }
    return infos;
}

std::uint64_t RingHost::reclaimed() const {
    const std::lock_guard lock(mutex_);
    check_open();
    return reclaimed_;
}

}  // namespace framehop::shm
