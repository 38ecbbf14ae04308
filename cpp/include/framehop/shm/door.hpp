// The door of a ring host keeps the connections that have not sent their request yet.
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

// A connection with a proper request: of our user, with the right magic and version.
struct Caller {
    UniqueFd connection;
    Peer peer;
    Role role = Role::tap;
};

// Sends a refusal with its reason. The connection ends with its descriptor.
void refuse(int connection, Verdict verdict, std::string_view why) noexcept;

// Holds at most kMaxWaiting connections, each for at most kPatience, so that a silent one neither blocks others nor
// stays for ever. Not thread-safe.
class Door {
  public:
    static constexpr std::size_t kMaxWaiting = 16;
    static constexpr std::chrono::seconds kPatience{5};

    explicit Door(const std::string& path) : listener_(path) {}

    // Accepts new connections, kMaxWaiting at most, and returns those whose request has come; the others wait, or are
    // refused. Never blocks.
    [[nodiscard]] std::vector<Caller> callers(Clock::time_point now);
    void watch(std::vector<pollfd>& watched, Clock::time_point now) const;
    // Returns when to look again even if nothing happens; nullopt while nobody waits.
    [[nodiscard]] std::optional<Clock::time_point> next_deadline() const noexcept;
    void disown() noexcept { listener_.disown(); }

  private:
    struct Waiting {
        UniqueFd connection;
        Clock::time_point until;
    };
    void accept_some(Clock::time_point now);
    void hear(std::vector<Caller>& callers);
    void drop_late(Clock::time_point now) noexcept;

    Listener listener_;
    std::deque<Waiting> waiting_;  // oldest first
    // Set when descriptors ran out: the listener stays readable, so looking at it again at once would spin.
    std::optional<Clock::time_point> shut_until_;
};

}  // namespace framehop::shm
