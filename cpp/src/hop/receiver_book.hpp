// What a sender knows of its receivers: how far each has come, and what waits for it. It knows no sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connection_id.hpp"
#include "framehop/hop/frame_sender.hpp"
#include "outgoing.hpp"

namespace framehop::hop {

using Clock = std::chrono::steady_clock;

struct ReceiverRow {
    std::uint64_t session = 0;
    wire::Delivery delivery = wire::Delivery::latest;
    std::uint32_t credits = 0;
    std::string stream;  // empty: every stream
    std::string address;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t skipped = 0;
    std::shared_ptr<Outgoing> waiting;  // the newest, of a `latest` receiver without credit
    Clock::time_point heard;
    ConnectionId connection;
    std::shared_ptr<const void> held = std::make_shared<const bool>();  // shared with each payload that libzmq holds

    // Whether the receiver has credit, by its notes and by the payloads that libzmq still holds: a note alone may claim
    // frames that never arrived. An honest receiver is not held up by the second count, since libzmq lets go of a
    // payload before the receiver's note can come.
    [[nodiscard]] bool has_room() const noexcept {
        return sent - received < credits && static_cast<std::uint64_t>(held.use_count()) <= credits;
    }
    [[nodiscard]] bool has_all() const noexcept { return received == sent && !waiting; }
    // Returns what libzmq holds for a payload instead of `owner`.
    [[nodiscard]] std::shared_ptr<const void> lend(std::shared_ptr<const void> owner) const;
    // Keeps the frame for a `latest` receiver's next credit; counts one that is not sent after all.
    void keep(std::shared_ptr<Outgoing> frame);
    // Leaves out a frame that it may keep.
    void drop(const std::shared_ptr<Outgoing>& frame) noexcept;
    [[nodiscard]] bool wants(const std::string& of) const noexcept { return stream.empty() || stream == of; }
};

enum class Heard {
    welcome,  // a new receiver, which is to be told its session
    known,
    full,       // there are too many
    malformed,  // it claims what was never sent
};

// Not thread-safe.
class ReceiverBook {
  public:
    ReceiverBook(std::uint32_t credits, std::uint32_t most) noexcept : credits_(credits), most_(most) {}

    // Takes a want of the receiver at `route`. One that names another session has not heard of its own yet; it is only
    // a sign of life then, so that nobody gets credit twice.
    [[nodiscard]] Heard hear(const std::string& route, const wire::ParsedWant& parsed, Clock::time_point now);
    void forget(const std::string& route) { rows_.erase(route); }
    // Removes those that were last heard of before `then`, and returns them.
    [[nodiscard]] std::vector<ReceiverRow> take_silent(Clock::time_point then);

    [[nodiscard]] ReceiverRow* find(const std::string& route);
    [[nodiscard]] std::map<std::string, ReceiverRow>& rows() noexcept { return rows_; }
    [[nodiscard]] const std::map<std::string, ReceiverRow>& rows() const noexcept { return rows_; }

  private:
    [[nodiscard]] Heard welcome(const std::string& route, const wire::ParsedWant& parsed, Clock::time_point now);

    std::uint32_t credits_;
    std::uint32_t most_;
    std::map<std::string, ReceiverRow> rows_;  // by the route that libzmq gave the connection
};

}  // namespace framehop::hop
