// What libzmq tells of the connections of one socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace framehop::hop {

struct SocketEvent {
    std::uint16_t kind = 0;   // ZMQ_EVENT_…
    std::uint32_t value = 0;  // a descriptor, or libzmq's number of an error
};

// libzmq sends each event from the thread that does its work, and that thread stands still while kMost of them wait to
// be taken. So of a bound socket that tells of ZMQ_EVENT_ACCEPTED no more than kMost strangers ever get in unnoticed,
// however fast they come. An event that finds nobody who could take it would hold that thread up for ever: destroy this
// after the socket was closed, and before its context ends. Not thread-safe.
class SocketEvents {
  public:
    // libzmq's default for the end that sends, and the one that this end adds.
    static constexpr std::size_t kMost = 1001;

    // `kinds`: a sum of ZMQ_EVENT_…. Throws Errc::system.
    SocketEvents(void* context, void* socket, int kinds);
    // Takes what still comes until libzmq has let go of the socket.
    ~SocketEvents();
    SocketEvents(const SocketEvents&) = delete;
    SocketEvents& operator=(const SocketEvents&) = delete;

    [[nodiscard]] void* socket() const noexcept { return socket_; }
    // Returns what to poll for: readable when libzmq has something to look at since the last try_next.
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] std::optional<SocketEvent> try_next();

  private:
    void drain() noexcept;

    void* socket_ = nullptr;
    int fd_ = -1;
};

}  // namespace framehop::hop
