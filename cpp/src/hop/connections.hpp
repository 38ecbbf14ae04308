// Who is connected to a socket of libzmq. libzmq lets in everybody, without a bound on their number, on their patience,
// or on the parts of one message; this ends the connections that go too far.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "connection_id.hpp"

namespace framehop::hop {

// What one peer may do. Both begin anew with each message of its that arrives whole.
struct Allowance {
    // Bytes without a message. libzmq keeps the parts of a message until its last one is there.
    std::uint64_t bytes = 0;
    // How long a peer may be connected before its first message.
    std::chrono::nanoseconds patience = std::chrono::nanoseconds::max();
};

// Whose connection ends when there are too many.
enum class Last {
    goes,   // that of who came last
    stays,  // of those from whom no message has come yet the first: an honest one says something as it connects
};

// Knows the connections that libzmq tells of (ZMQ_EVENT_ACCEPTED, ZMQ_EVENT_CONNECTED). Not thread-safe.
class Connections {
  public:
    using Clock = std::chrono::steady_clock;

    // `place`: where the socket is bound or connected to, a path or HOST:PORT. `most` connections are kept.
    Connections(std::string place, Place whose, std::size_t most, Last last = Last::goes)
        : place_(std::move(place)), whose_(whose), most_(most), last_(last) {}

    // Takes notice of a connection; false when it or another was ended, as there are too many.
    [[nodiscard]] bool begun(int fd, Clock::time_point now);
    // Takes notice of a whole message.
    void heard(zmq_msg_t* message) noexcept;
    void end(const ConnectionId& connection);
    void end_all();
    // Whether libzmq has let go of all that were ended.
    [[nodiscard]] bool all_gone();
    // Ends the connections of those who went beyond `allowance`, and returns a few words on each.
    [[nodiscard]] std::vector<std::string> end_excess(const Allowance& allowance, Clock::time_point now);

  private:
    struct Peer {
        ConnectionId id;
        Clock::time_point since;
        std::uint64_t bytes = 0;  // that had come with its last message
        bool heard = false;
    };

    [[nodiscard]] bool end_first_stranger();

    std::string place_;
    Place whose_;
    std::size_t most_;
    Last last_;
    std::map<int, Peer> peers_;  // by descriptor
    std::vector<ConnectionId> ending_;
};

}  // namespace framehop::hop
