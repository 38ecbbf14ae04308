// Trips, timed: 64 bytes to another process and as many back, one trip at a time. `framehop bench hop` compares those
// of the hop with what there is without it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framehop/hop/hop_client.hpp"
#include "framehop/hop/hop_server.hpp"

namespace framehop::hop {

// Nanoseconds of each trip.
using TripTimes = std::vector<std::int64_t>;

inline constexpr std::chrono::seconds kTripPatience{20};

// Sends a descriptor, waits for its answer, and so on; first for the welcome if there was none. `answer_trips` is the
// other side. Both throw Errc::system when the other side does not come or is gone.
[[nodiscard]] TripTimes time_trips(HopClient& client, std::size_t count);
void answer_trips(HopServer& server, std::size_t count);

// The least: memory that both map, and for each side an eventfd on which it sleeps. Nothing notices that the other side
// has died: end a process that waits here.
class BareBells {
  public:
    // `memory`: a memfd of two cache lines at least. `mine`, `theirs`: eventfds that block. All are borrowed. Throws
    // Errc::system.
    BareBells(int memory, int mine, int theirs);
    ~BareBells();
    BareBells(const BareBells&) = delete;
    BareBells& operator=(const BareBells&) = delete;

    [[nodiscard]] TripTimes time_trips(std::size_t count);
    void answer_trips(std::size_t count);

  private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
    int mine_;
    int theirs_;
};

// libzmq alone: a DEALER that asks, or with `bind` a ROUTER that answers, over ipc://. Throws Errc::system.
class BareZmq {
  public:
    BareZmq(const std::string& address, bool bind);
    ~BareZmq();
    BareZmq(const BareZmq&) = delete;
    BareZmq& operator=(const BareZmq&) = delete;

    [[nodiscard]] TripTimes time_trips(std::size_t count);
    void answer_trips(std::size_t count);

  private:
    void* context_;
    void* socket_;
};

}  // namespace framehop::hop
