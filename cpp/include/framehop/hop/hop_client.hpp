// The worker's end of the hop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "framehop/hop/link.hpp"
#include "framehop/wire/parse.hpp"

namespace framehop::hop {

struct ClientEvents {
    std::vector<wire::Reply> replies;
    std::vector<int> readable_fds;
};

// One connection to one incarnation of a detector, from hello to loss. A lost client stays lost: send what is
// unanswered again through a new HopClient. Use from one thread. Destroying it never lingers.
class HopClient {
  public:
    // Queues the hello, which leaves as soon as the detector is there. Throws Errc::invalid_argument, Errc::system.
    HopClient(const std::string& address, const std::string& ring_path, std::uint64_t ring_id);
    // Takes a link that nobody has used yet, in place of the one that an address names.
    HopClient(std::unique_ptr<ClientLink> link, const std::string& ring_path, std::uint64_t ring_id);
    ~HopClient() = default;
    HopClient(const HopClient&) = delete;
    HopClient& operator=(const HopClient&) = delete;

    // Number of descriptors that may be unanswered at once: 0 before the welcome and after the loss.
    [[nodiscard]] std::uint32_t credits() const noexcept { return lost_ ? 0 : credits_; }
    [[nodiscard]] std::uint64_t detector_id() const noexcept { return detector_id_; }
    [[nodiscard]] std::size_t unanswered() const noexcept { return unanswered_.size(); }
    [[nodiscard]] bool lost() const noexcept { return lost_; }
    // Number of messages dropped: they do not parse, or answer no descriptor that is unanswered.
    [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }

    // Sends all in one message, or nothing: false when they exceed the credits left or there is no detector. Never
    // blocks. Fills in the ids and the time. Throws Errc::invalid_argument for a picture size out of range, and for
    // more descriptors than the detector ever grants, where waiting would not help.
    [[nodiscard]] bool try_send(std::span<wire::Descriptor> descriptors);

    // Waits for answers, the welcome, the loss or one of `wake_fds`, and appends what has come; does not wait if
    // `events` is not empty. False when nothing came, or a signal came first.
    [[nodiscard]] bool poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, ClientEvents& events);

  private:
    void drain(ClientEvents& events);
    [[nodiscard]] bool take(wire::Bytes message, ClientEvents& events);
    [[nodiscard]] bool take_welcome(wire::Bytes message);
    [[nodiscard]] bool take_reply(wire::Bytes message, ClientEvents& events);

    std::unique_ptr<ClientLink> link_;
    std::uint64_t ring_id_;
    std::uint64_t detector_id_ = 0;
    std::uint32_t credits_ = 0;
    bool lost_ = false;
    std::uint64_t malformed_ = 0;
    std::unordered_multiset<std::uint64_t> unanswered_;  // slot and generation
};

}  // namespace framehop::hop
