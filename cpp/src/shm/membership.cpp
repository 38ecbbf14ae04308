#include "framehop/shm/membership.hpp"

#include <sys/socket.h>
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
      connection_(std::move(seat.connection)) {}

Membership::~Membership() {
    if (ours()) disconnect();
}

bool Membership::ours() const noexcept { return ::getpid() == pid_; }

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

bool Membership::closed() const noexcept {
    if (!ours()) return true;
    const std::lock_guard lock(mutex_);
    return closed_;
}

void Membership::close() noexcept {
    if (!ours()) return;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (uses_ == 0) disconnect();
}

void Membership::end_use() noexcept {
    if (!ours()) return;
    const std::lock_guard lock(mutex_);
    if (--uses_ == 0 && closed_) disconnect();
}

// Calls shutdown before close, as a forked child may hold a copy of the descriptor.
void Membership::disconnect() noexcept {
    if (connection_) ::shutdown(connection_.get(), SHUT_RDWR);
    connection_.reset();
}

}  // namespace framehop::shm
