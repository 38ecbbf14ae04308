// Attaching to a ring: one request, one answer, over the host's socket.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "framehop/shm/membership.hpp"

namespace framehop::shm {

inline constexpr std::uint64_t kAttachMagic = 0x4843'4154'5441'4846;  // "FHATTACH" as bytes on the wire
inline constexpr std::uint32_t kAttachVersion = 1;

struct AttachRequest {
    std::uint64_t magic = kAttachMagic;
    std::uint32_t version = kAttachVersion;
    std::uint32_t role = 0;
};

enum class Verdict : std::uint32_t { welcome = 0, refused = 1, wrong_version = 2 };

// With a welcome come two descriptors: pixels, then control.
struct AttachReply {
    std::uint64_t magic = kAttachMagic;
    std::uint32_t version = kAttachVersion;
    std::uint32_t verdict = 0;
    std::uint32_t holder = 0;
    std::uint32_t incarnation = 0;  // the writer's; 0 for readers
    std::array<char, 232> text{};   // why not, NUL-terminated
};
static_assert(sizeof(AttachRequest) == 16 && sizeof(AttachReply) == 256);

// One attachment under way. Not thread-safe.
class AttachCall {
  public:
    // Connects and asks. Throws Errc::system when there is no host.
    AttachCall(std::string path, Role role);

    // True once the answer is there; false when `timeout` is over. Throws Errc::refused or Errc::wrong_layout with the
    // host's reason, Errc::system when it hung up.
    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout);

    // After `wait` said true: maps and checks the segments. Throws Errc::wrong_layout, Errc::no_memory.
    [[nodiscard]] std::shared_ptr<Membership> finish();

  private:
    void accept_answer(std::size_t bytes, std::size_t fds) const;

    std::string path_;
    Role role_;
    UniqueFd connection_;
    AttachReply reply_;
    SegmentFds fds_;
};

// All in one, for C++ users. Throws Errc::system as well when `timeout` is over.
[[nodiscard]] std::shared_ptr<Membership> attach(const std::string& path, Role role, std::chrono::nanoseconds timeout);

// For the caller of AttachCall::wait whose time is up.
[[noreturn]] void throw_no_answer(const std::string& path);

}  // namespace framehop::shm
