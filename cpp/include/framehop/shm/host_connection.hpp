// A member's connection to its ring's host. The host keeps the member's place until it hears goodbye here, or the
// member's process is dead.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "framehop/base/unique_fd.hpp"

namespace framehop::shm {

inline constexpr std::uint64_t kGoodbyeMagic = 0x5942'444f'4f47'4846;  // "FHGOODBY" as bytes on the wire

// The one message of a member after its attachment.
struct Goodbye {
    std::uint64_t magic = kGoodbyeMagic;
};

// Not thread-safe. A default one stands for no host, in tests on one mapping. Destroying it parts from the host; in a
// forked child it only closes the child's copy.
class HostConnection {
  public:
    HostConnection() noexcept = default;
    explicit HostConnection(UniqueFd fd) noexcept;
    HostConnection(HostConnection&&) noexcept = default;
    HostConnection& operator=(HostConnection&&) = delete;
    HostConnection(const HostConnection&) = delete;
    HostConnection& operator=(const HostConnection&) = delete;
    ~HostConnection() { part(); }

    // Becomes readable when a writer comes or goes, and stays so once the host is gone. -1 when there is none.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    // Takes the host's notes; false once the host is gone, or the descriptor was closed behind our back.
    [[nodiscard]] bool host_lives() noexcept;
    // Says goodbye, which gives up the place, and ends the connection also for a forked child's copy. Once is enough.
    void part() noexcept;

  private:
    // False when somebody closed the descriptor: its number may be another file's by now, which we must not touch.
    [[nodiscard]] bool is_still_ours() const noexcept;

    UniqueFd fd_;
    ino_t inode_ = 0;
    pid_t pid_ = 0;
    bool host_is_gone_ = false;
};

}  // namespace framehop::shm
