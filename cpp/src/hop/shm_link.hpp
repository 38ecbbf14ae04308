// The shared-memory link: descriptors and boxes lie in memory that worker and detector share, eventfds wake. The Unix
// socket at the address only introduces the two, and its end and the peer's pidfd tell of its death. Both are of one
// user.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framehop/base/fork_watch.hpp"
#include "framehop/hop/link.hpp"
#include "framehop/shm/local_socket.hpp"
#include "owner.hpp"
#include "shm_channel.hpp"
#include "shm_wait.hpp"
#include "watch.hpp"

namespace framehop::hop {

class ShmClientLink final : public ClientLink {
  public:
    explicit ShmClientLink(std::string path);
    ~ShmClientLink() override;
    ShmClientLink(const ShmClientLink&) = delete;
    ShmClientLink& operator=(const ShmClientLink&) = delete;

    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds,
                            std::vector<int>& readable) override;
    [[nodiscard]] Received try_receive(Message& message) override;
    [[nodiscard]] Sent try_send(wire::Bytes message) override;
    [[nodiscard]] Connection connection() override;

  private:
    using Clock = std::chrono::steady_clock;

    void advance();
    void introduce();
    void hear();
    void welcome(UniqueFd server_bell);
    void part() noexcept;
    [[nodiscard]] Sent queue(wire::Bytes message);
    [[nodiscard]] bool has_message() const noexcept;

    const std::string path_;
    const Owner owner_;
    Connection connection_ = Connection::pending;
    Clock::time_point next_try_;
    UniqueFd bell_;  // ours
    Watch watch_;
    UniqueFd server_bell_;  // the server's, once it has welcomed us
    Watched socket_;
    Watched server_process_;
    std::optional<Channel> channel_;  // of the present socket
    // What was sent before the welcome: an impostor may have taken it.
    std::deque<wire::Buffer> unconfirmed_;
    std::size_t unconfirmed_bytes_ = 0;
    wire::Buffer received_;
};

class ShmServerLink final : public ServerLink, private ForkWatcher {
  public:
    explicit ShmServerLink(const std::string& path);
    ~ShmServerLink() override;
    ShmServerLink(const ShmServerLink&) = delete;
    ShmServerLink& operator=(const ShmServerLink&) = delete;

    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds,
                            std::vector<int>& readable) override;
    [[nodiscard]] Received try_receive(Message& message) override;
    [[nodiscard]] Sent try_send(wire::Bytes peer, wire::Bytes message) override;
    void end(wire::Bytes peer) override;

  private:
    struct Worker {
        std::string name;
        Watched socket;
        Watched process;
        UniqueFd bell;
        Channel channel;
        bool gone = false;  // what it sent before can still be received
    };

    void look_around();
    void accept_some();
    void shut();
    void open_again();
    void hear_strangers();
    void admit(Watched socket, shm::Received& request);
    void say_asleep(bool asleep) noexcept;
    [[nodiscard]] bool has_message() const noexcept;
    [[nodiscard]] Worker* find(wire::Bytes peer) noexcept;  // who has gone, too
    [[nodiscard]] Received take_from(Worker& worker, Message& message);
    static void part(Worker& worker) noexcept;

    // There is nothing to lock: the listener changes only while no fork is told to us.
    void before_fork() noexcept override {}
    void after_fork_in_parent() noexcept override {}
    void after_fork_in_child() noexcept override { listener_.disown(); }

    const Owner owner_;
    shm::Listener listener_;
    UniqueFd bell_;
    Watch watch_;
    // Set when descriptors ran out: the listener stays readable, so looking at it again at once would spin.
    std::optional<std::chrono::steady_clock::time_point> shut_until_;
    std::deque<Watched> strangers_;  // connected, and have not introduced themselves yet
    std::vector<std::unique_ptr<Worker>> workers_;
    std::size_t next_ = 0;  // the worker to receive from first, so that none keeps the others waiting
    std::uint64_t names_ = 0;
    std::string last_sender_;
    std::uint64_t refused_ = 0;  // strangers whose introduction made no sense, and of whom nobody has heard yet
    wire::Buffer received_;
    ForkWatch forks_;  // last, as it uses the listener
};

}  // namespace framehop::hop
