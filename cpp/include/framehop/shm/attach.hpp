// Attaches to a ring by one request and one answer over the host's socket.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "framehop/shm/membership.hpp"

namespace framehop::shm {

inline constexpr std::uint64_t kAttachMagic = 0x4843'4154'5441'4846;  // "FHATTACH" as bytes on the wire
inline constexpr std::uint32_t kAttachVersion = 2;

struct AttachRequest {
    std::uint64_t magic = kAttachMagic;
    std::uint32_t version = kAttachVersion;
    std::uint32_t role = 0;
};

enum class Verdict : std::uint32_t { welcome = 0, refused = 1, wrong_version = 2 };

// A welcome carries two descriptors: pixels, then control.
struct AttachReply {
    std::uint64_t magic = kAttachMagic;
    std::uint32_t version = kAttachVersion;
    std::uint32_t verdict = 0;
    std::uint32_t holder = 0;
    std::uint32_t incarnation = 0;  // the writer's; 0 for readers
    std::array<char, 232> text{};   // the reason of a refusal, NUL-terminated
};
static_assert(sizeof(AttachRequest) == 16 && sizeof(AttachReply) == 256);

struct Received;

// One attachment under way. Not thread-safe.
class AttachCall {
  public:
    // Connects and sends the request. Throws Errc::system when there is no host.
    AttachCall(std::string path, Role role);

    // Returns true once the answer is there, false when `timeout` is over. Throws Errc::refused or Errc::wrong_layout
    // with the host's reason, Errc::system when the host hung up or no descriptor is left for the ring's memory.
    [[nodiscard]] bool wait(std::chrono::nanoseconds timeout);

    // Maps and checks the segments, once `wait` has returned true. Throws Errc::wrong_layout, Errc::no_memory.
    [[nodiscard]] std::shared_ptr<Membership> finish();

  private:
    void accept_answer(const Received& received) const;

    std::string path_;
    Role role_;
    HostConnection connection_;  // parts again unless a Membership takes it over
    AttachReply reply_;
    SegmentFds fds_;
};

// Attaches in one call, for C++ users. Throws Errc::system also when `timeout` is over.
[[nodiscard]] std::shared_ptr<Membership> attach(const std::string& path, Role role, std::chrono::nanoseconds timeout);

// Throws the error for a caller of AttachCall::wait whose time is up.
[[noreturn]] void throw_no_answer(const std::string& path);

}  // namespace framehop::shm
