// What an end of the shared-memory link waits for: its bell, and descriptors that tell of others. They stay registered
// with the kernel, so a wait costs the same however many there are, and one that a ring ends is a single system call:
// each ring is an edge, and nobody has to read the bell.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "framehop/base/unique_fd.hpp"
#include "owner.hpp"
#include "shm_wait.hpp"

namespace framehop::hop {

// Not thread-safe, not movable. In a forked child it can only be destroyed.
class Watch {
  public:
    // `bell`: borrowed, an eventfd that nobody reads. Throws Errc::system.
    explicit Watch(const UniqueFd& bell);
    ~Watch() = default;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Waits for a ring, for a watched descriptor, or for one of `wake_fds`, and appends those of the latter that are
    // readable or hung up to `readable`. `event`: a ring since the last one, or a watched descriptor. Waits up to a
    // millisecond longer than `timeout`. Throws Errc::system.
    [[nodiscard]] Woke wait(std::chrono::nanoseconds timeout, std::span<const int> wake_fds,
                            std::vector<int>& readable);
    // Whether a watched descriptor was readable or hung up at the last wait.
    [[nodiscard]] bool others_ready() const noexcept { return others_ready_; }

    // From now on, until `remove`, which comes before it is closed: a copy in a forked child would keep it registered.
    // Throws Errc::system.
    void add(int fd);
    void remove(int fd) noexcept;

  private:
    [[nodiscard]] Woke take(std::chrono::nanoseconds timeout);
    void watch(int fd, std::uint32_t events, std::uint32_t what);

    const Owner owner_;
    UniqueFd epoll_;
    bool others_ready_ = false;
};

// A descriptor that is watched while it is here. Move-only. Its Watch must outlive it.
class Watched {
  public:
    Watched() noexcept = default;
    Watched(Watch& watch, UniqueFd fd) : watch_(&watch), fd_(std::move(fd)) { watch.add(fd_.get()); }
    Watched(Watched&& other) noexcept : watch_(other.watch_), fd_(std::move(other.fd_)) {}
    Watched& operator=(Watched&& other) noexcept {
        if (this == &other) return *this;
        reset();
        watch_ = other.watch_;
        fd_ = std::move(other.fd_);
        return *this;
    }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    ~Watched() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_.get(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    void reset() noexcept {
        if (fd_) watch_->remove(fd_.get());
        fd_.reset();
    }

  private:
    Watch* watch_ = nullptr;
    UniqueFd fd_;
};

}  // namespace framehop::hop
