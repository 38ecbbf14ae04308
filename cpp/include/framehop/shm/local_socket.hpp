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

// A listening SOCK_SEQPACKET socket that owns its file. Move-free; not thread-safe.
class Listener {
  public:
    // The directory must be ours alone (mode 0700), else Errc::refused. A file left by a dead listener is replaced; a
    // living listener, or a file that is no socket, is Errc::refused. Errc::invalid_argument for a path that is too
    // long.
    explicit Listener(const std::string& path);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    // Non-blocking, close-on-exec. Empty when nobody waits, or on an error, which is then in errno.
    [[nodiscard]] UniqueFd try_accept() const noexcept;
    // For a forked child: the file is its parent's, and nobody is to reach a host that is gone.
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

// A pidfd of the process that connected: it cannot mean a recycled pid. Empty when that process is gone.
[[nodiscard]] UniqueFd peer_pidfd(int socket, pid_t pid) noexcept;

// Never blocks; false when the peer is gone or does not take it.
bool try_send(int socket, std::span<const std::byte> message, std::span<const int> fds) noexcept;

struct Received {
    std::size_t bytes = 0;  // 0: the peer closed
    bool truncated = false;
    std::vector<UniqueFd> fds;
};
// Takes the message that is there; nullopt when there is none yet. At most two descriptors are accepted.
[[nodiscard]] std::optional<Received> try_receive(int socket, std::span<std::byte> buffer);

// Waits until `fd` is readable or hung up; false when the time is over.
[[nodiscard]] bool wait_readable(int fd, std::chrono::nanoseconds timeout);

}  // namespace framehop::shm
