// The detector's end of the hop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framehop/hop/link.hpp"
#include "framehop/wire/parse.hpp"

namespace framehop::hop {

// A descriptor that came in. Its fields are in range, but only the slot table says what a slot holds.
struct Request {
    std::string peer;  // the link's name for the worker, to which the answer goes
    wire::Descriptor descriptor;
    std::uint64_t received_ns = 0;  // CLOCK_MONOTONIC
};

// A worker's hello. It is only a claim: anybody of this user may say it, and the ring may be gone, or never have been.
struct Greeting {
    std::string peer;  // as in its requests
    std::uint64_t ring_id = 0;
    std::string ring_path;  // 1..kMaxPath bytes of UTF-8 without NUL
};

struct ServerEvents {
    std::vector<Request> requests;
    std::vector<Greeting> greetings;
    std::vector<int> readable_fds;
};

class Accounts;

// Use from one thread. Destroying it removes the socket file, and waits until its answers have left, kLinger at most
// for workers that do not read.
class HopServer {
  public:
    // `credits`: 1..kMaxDescriptors for each worker. Replaces a socket file that a dead predecessor left. Throws
    // Errc::invalid_argument, and what bind_link throws.
    HopServer(const std::string& address, std::uint32_t credits);
    // Takes a link that nobody has used yet, in place of the one that an address names.
    HopServer(std::unique_ptr<ServerLink> link, std::uint32_t credits);
    ~HopServer();
    HopServer(const HopServer&) = delete;
    HopServer& operator=(const HopServer&) = delete;

    [[nodiscard]] std::uint64_t detector_id() const noexcept { return detector_id_; }
    // Number of messages dropped: they do not parse, are for another incarnation, or exceed the credits. Those of the
    // last kind also end their sender's connection, so that what waits here is bounded by the credits of all workers.
    [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }

    // Waits for requests, hellos (answered here) or one of `wake_fds`, and appends what has come; does not wait if
    // `events` is not empty. False when nothing came, or a signal came first.
    [[nodiscard]] bool poll(std::chrono::nanoseconds timeout, std::span<const int> wake_fds, ServerEvents& events);

    // Answers with `header`'s status, batch size, times and model; the rest is filled in. False when the worker is
    // gone. One that does not read until there is no room for the answer is disconnected. Never blocks. Throws
    // Errc::invalid_argument as serialise_reply does, and for another server's request.
    [[nodiscard]] bool try_reply(const Request& request, wire::ReplyHeader header, std::span<const wire::Box> boxes,
                                 std::string_view text);

    // Ends the connection of a peer that cannot be served. An honest one comes again with what is unanswered. Harmless
    // when it is gone. Requests that it sent before may still come.
    void disconnect(const std::string& peer);

  private:
    void drain(ServerEvents& events);
    [[nodiscard]] bool take(wire::Bytes peer, wire::Bytes message, ServerEvents& events);
    [[nodiscard]] bool take_hello(wire::Bytes peer, wire::Bytes message, ServerEvents& events);
    [[nodiscard]] bool take_frames(wire::Bytes peer, wire::Bytes message, ServerEvents& events);

    std::uint64_t detector_id_;
    std::uint32_t credits_;
    std::unique_ptr<ServerLink> link_;
    std::unique_ptr<Accounts> accounts_;
    std::uint64_t malformed_ = 0;
};

}  // namespace framehop::hop
