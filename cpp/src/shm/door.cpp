#include "framehop/shm/door.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>

namespace framehop::shm {
namespace {

constexpr std::chrono::milliseconds kShutFor{200};

bool is_role(std::uint32_t role) noexcept {
    return role >= static_cast<std::uint32_t>(Role::writer) && role <= static_cast<std::uint32_t>(Role::onlooker);
}

// Returns the role asked for; nullopt when the caller is refused or gone.
std::optional<Role> check_request(int connection, const Received& received, const AttachRequest& request) noexcept {
    if (received.bytes == 0) return std::nullopt;
    if (received.truncated || received.lost_fds || received.bytes != sizeof request || request.magic != kAttachMagic) {
        refuse(connection, Verdict::wrong_version, "that was no attach request");
    } else if (request.version != kAttachVersion) {
        refuse(connection, Verdict::wrong_version,
               "the host speaks another version; run the same framehop on both sides");
    } else if (!is_role(request.role)) {
        refuse(connection, Verdict::refused, "there is no such role");
    } else {
        return static_cast<Role>(request.role);
    }
    return std::nullopt;
}

std::optional<Caller> check_caller(UniqueFd connection, const Received& received,
                                   const AttachRequest& request) noexcept {
    const auto role = check_request(connection.get(), received, request);
    if (!role) return std::nullopt;
    const auto peer = peer_of(connection.get());
    if (!peer || peer->uid != ::geteuid()) {
        refuse(connection.get(), Verdict::refused, "you are not the user who runs the host");
        return std::nullopt;
    }
    return Caller{std::move(connection), *peer, *role};
}

}  // namespace

void refuse(int connection, Verdict verdict, std::string_view why) noexcept {
    AttachReply reply{.verdict = static_cast<std::uint32_t>(verdict)};
    std::memcpy(reply.text.data(), why.data(), std::min(why.size(), reply.text.size() - 1));
    try_send(connection, std::as_bytes(std::span(&reply, 1)), {});
}

// Those beyond are accepted at the next look, which comes at once: a look must end, however fast callers come, and
// hear each of those that it accepts.
void Door::accept_some(Clock::time_point now) {
    if (shut_until_ && now < *shut_until_) return;
    shut_until_.reset();
    for (std::size_t i = 0; i < kMaxWaiting; ++i) {
        UniqueFd connection = listener_.try_accept();
        if (!connection) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) shut_until_ = now + kShutFor;
            return;
        }
        if (waiting_.size() == kMaxWaiting) {
            // Refuse the oldest: an honest caller sends its request as it connects, and this one had the most time.
            refuse(waiting_.front().connection.get(), Verdict::refused, "too many connections wait; try again");
            waiting_.pop_front();
        }
        waiting_.push_back({std::move(connection), now + kPatience});
    }
}

void Door::drop_late(Clock::time_point now) noexcept {
    while (!waiting_.empty() && waiting_.front().until <= now) waiting_.pop_front();
}

std::vector<Caller> Door::callers(Clock::time_point now) {
    std::vector<Caller> callers;
    hear(callers);  // before they have to make room for others
    accept_some(now);
    hear(callers);
    drop_late(now);
    return callers;
}

// Takes those out of the waiting whose request has come, or whose connection has ended.
void Door::hear(std::vector<Caller>& callers) {
    std::erase_if(waiting_, [&](Waiting& waiting) {
        AttachRequest request{};
        const auto received = try_receive(waiting.connection.get(), std::as_writable_bytes(std::span(&request, 1)));
        if (!received) return false;
        if (auto caller = check_caller(std::move(waiting.connection), *received, request)) {
            callers.push_back(std::move(*caller));
        }
        return true;
    });
}

void Door::watch(std::vector<pollfd>& watched, Clock::time_point now) const {
    if (!shut_until_ || now >= *shut_until_) watched.push_back({.fd = listener_.fd(), .events = POLLIN, .revents = 0});
    for (const Waiting& waiting : waiting_) {
        watched.push_back({.fd = waiting.connection.get(), .events = POLLIN, .revents = 0});
    }
}

std::optional<Clock::time_point> Door::next_deadline() const noexcept {
    std::optional<Clock::time_point> next = shut_until_;
    if (!waiting_.empty()) next = std::min(next.value_or(waiting_.front().until), waiting_.front().until);
    return next;
}

}  // namespace framehop::shm
