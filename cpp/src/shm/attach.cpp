#include "framehop/shm/attach.hpp"

#include <algorithm>
#include <span>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "framehop/shm/local_socket.hpp"

namespace framehop::shm {
namespace {

std::string text_of(const AttachReply& reply) { return {reply.text.begin(), std::ranges::find(reply.text, '\0')}; }

}  // namespace

AttachCall::AttachCall(std::string path, Role role)
    : path_(std::move(path)), role_(role), connection_(connect_to(path_)) {
    const AttachRequest request{.role = static_cast<std::uint32_t>(role)};
    if (!try_send(connection_.fd(), std::as_bytes(std::span(&request, 1)), {}))
        throw_errno("send to the ring host at " + path_);
}

bool AttachCall::wait(std::chrono::nanoseconds timeout) {
    if (!wait_readable(connection_.fd(), timeout)) return false;
    auto received = try_receive(connection_.fd(), std::as_writable_bytes(std::span(&reply_, 1)));
    if (!received) return false;
    // The kernel drops what a full process is sent, and closes it.
    if (received->lost_fds && received->fds.size() < 2) throw_no_descriptor("the memory of the ring at " + path_);
    accept_answer(*received);
    fds_ = {.pixels = std::move(received->fds[0]), .control = std::move(received->fds[1])};
    return true;
}

void AttachCall::accept_answer(const Received& received) const {
    if (received.bytes == 0)
        throw Error(Errc::system, "the ring host at " + path_ + " hung up without an answer; is it closing?");
    if (received.truncated || received.bytes != sizeof reply_ || reply_.magic != kAttachMagic) {
        throw Error(Errc::wrong_layout, "what answers at " + path_ + " is not a ring host of this framehop version");
    }
    switch (static_cast<Verdict>(reply_.verdict)) {
        case Verdict::welcome:
            break;
        case Verdict::refused:
            throw Error(Errc::refused, "the ring at " + path_ + " refused: " + text_of(reply_));
        default:
            throw Error(Errc::wrong_layout, "the ring at " + path_ + " refused: " + text_of(reply_));
    }
    if (received.lost_fds || received.fds.size() != 2 || reply_.holder >= kMaxHolders) {
        throw Error(Errc::wrong_layout, "the ring host at " + path_ + " sent a welcome that makes no sense");
    }
}

std::shared_ptr<Membership> AttachCall::finish() {
    auto control = std::make_shared<const Control>(fds_.control.get());
    const auto access = role_ == Role::writer ? Mapping::Access::read_write : Mapping::Access::read_only;
    auto pixels = std::make_shared<const Pixels>(fds_.pixels.get(), control->geometry(), access);
    fds_ = {};  // the mappings keep the memory
    return std::make_shared<Membership>(std::move(control), std::move(pixels),
                                        Membership::Seat{.role = role_,
                                                         .holder = reply_.holder,
                                                         .incarnation = reply_.incarnation,
                                                         .connection = std::move(connection_)});
}

std::shared_ptr<Membership> attach(const std::string& path, Role role, std::chrono::nanoseconds timeout) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + timeout;
    AttachCall call(path, role);
    while (!call.wait(std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(deadline - Clock::now())))) {
        if (Clock::now() >= deadline) throw_no_answer(path);
    }
    return call.finish();
}

void throw_no_answer(const std::string& path) {
    throw Error(Errc::system, "the ring host at " + path + " did not answer in time; is it stopped?");
}

}  // namespace framehop::shm
