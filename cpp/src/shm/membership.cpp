#include "framehop/shm/membership.hpp"

#include <unistd.h>

#include <string>

#include "framehop/base/error.hpp"

namespace framehop::shm {

Membership::Membership(std::shared_ptr<const Control> control, std::shared_ptr<const Pixels> pixels, Seat seat)
    : control_(std::move(control)),
      pixels_(std::move(pixels)),
      table_(control_),
      role_(seat.role),
      holder_(seat.holder),
      incarnation_(seat.incarnation),
      pid_(::getpid()),
      published_at_(control_->geometry().slot_count),
      connection_(std::move(seat.connection)) {}

// It is asked several times for each picture, and getpid(2) is a system call.
bool Membership::ours() const noexcept { return mark_.is_ours(); }

// Check `ours` first everywhere: in a forked child the mutex may be held for ever, by a thread that is not there.
Membership::Use Membership::use() {
    if (!ours()) {
        throw Error(Errc::closed, "the ring was attached by process " + std::to_string(pid_) +
                                      " before a fork; attach anew in this process");
    }
    const std::lock_guard lock(mutex_);
    if (closed_) throw Error(Errc::closed, "the ring is closed");
    ++uses_;
    return Use(shared_from_this());
}

bool Membership::closed() const noexcept { return !ours() || closed_; }

void Membership::close() noexcept {
    if (!ours()) return;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (uses_ == 0) connection_.part();
    }
    if (role_ == Role::writer) table_.wake_waiters();
}

bool Membership::host_lives() {
    const Use in_use = use();
    const std::lock_guard lock(mutex_);
    return connection_.host_lives();
}

int Membership::host_fd() {
    const Use in_use = use();
    const std::lock_guard lock(mutex_);
    return connection_.fd();
}

void Membership::end_use() noexcept {
    if (!ours()) return;
    const std::lock_guard lock(mutex_);
    if (--uses_ == 0 && closed_) connection_.part();
}

}  // namespace framehop::shm
