// The door of a ring host: connections that have not yet said who they are.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "framehop/shm/attach.hpp"
#include "framehop/shm/local_socket.hpp"

struct pollfd;

namespace framehop::shm {

using Clock = std::chrono::steady_clock;

// A connection that asked properly: our user, magic and version right.
struct Caller {
    UniqueFd connection;
    Peer peer;
    Role role = Role::tap;
};

// Says no, with a reason, and lets the connection go with its descriptor.
void refuse(int connection, Verdict verdict, std::string_view why) noexcept;

// At most kMaxWaiting connections, each for at most kPatience, so that one that says nothing neither blocks others nor
// stays for ever. Not thread-safe.
class Door {
  public:
    static constexpr std::size_t kMaxWaiting = 16;
    static constexpr std::chrono::seconds kPatience{5};

    explicit Door(const std::string& path) : listener_(path) {}

    // Accepts whoever knocks and returns those who have asked by now; the others wait, or are turned away. Never
    // blocks.
    [[nodiscard]] std::vector<Caller> callers(Clock::time_point now);
    void watch(std::vector<pollfd>& watched, Clock::time_point now) const;
    // When to look again though nothing happened; nullopt while nobody waits.
    [[nodiscard]] std::optional<Clock::time_point> next_deadline() const noexcept;
    void disown() noexcept { listener_.disown(); }

  private:
    struct Waiting {
        UniqueFd connection;
        Clock::time_point until;
    };
    void accept_all(Clock::time_point now);
    void drop_late(Clock::time_point now) noexcept;

    Listener listener_;
    std::deque<Waiting> waiting_;  // oldest first
    // Out of descriptors: the listener stays readable, so looking at it at once would spin.
    std::optional<Clock::time_point> shut_until_;
};

}  // namespace framehop::shm
