// Unix sockets in a private directory: one message out, one message with descriptors back.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framehop/base/unique_fd.hpp"

namespace framehop::shm {

// Throws Errc::refused when the directory of `path` is not ours alone (mode 0700): what lies there is for our own
// processes. Errc::system when there is none.
void check_private_directory(const std::string& path);

// A listening SOCK_SEQPACKET socket that owns its file. Not movable; not thread-safe.
class Listener {
  public:
    // Replaces a file left by a dead listener. Throws Errc::refused when the directory is not ours alone (mode 0700),
    // when a living listener is there, or when the file is no socket; Errc::invalid_argument when the path is too long.
    explicit Listener(const std::string& path);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    // Returns a non-blocking, close-on-exec connection. Empty when nobody waits, or on an error, with errno set.
    [[nodiscard]] UniqueFd try_accept() const noexcept;
    // Lets go of both in a forked child: the file is its parent's, and the listener must not outlive the parent.
    void disown() noexcept {
        path_.clear();
        fd_.reset();
    }

  private:
    std::string path_;
    UniqueFd fd_;
    ino_t inode_ = 0;
};

// Throws Errc::system when nobody listens there, Errc::refused when the listener is another user's.
[[nodiscard]] UniqueFd connect_to(const std::string& path);

struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
};
[[nodiscard]] std::optional<Peer> peer_of(int socket) noexcept;

// Returns a pidfd of the process that connected, which cannot mean a recycled pid. Empty when that process is gone.
[[nodiscard]] UniqueFd peer_pidfd(int socket, pid_t pid) noexcept;

// Sends a message, or returns false when the peer is gone or does not take it. Never blocks.
bool try_send(int socket, std::span<const std::byte> message, std::span<const int> fds) noexcept;

struct Received {
    std::size_t bytes = 0;  // 0: the peer closed
    bool truncated = false;
    bool lost_fds = false;  // more came than we take, or this process had no descriptor left for them
    std::vector<UniqueFd> fds;
};
// Receives a message; nullopt when there is none yet. Accepts at most two descriptors.
[[nodiscard]] std::optional<Received> try_receive(int socket, std::span<std::byte> buffer);

// Waits until `fd` is readable or hung up; false when the time is over.
[[nodiscard]] bool wait_readable(int fd, std::chrono::nanoseconds timeout);

}  // namespace framehop::shm
