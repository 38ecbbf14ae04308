#include "framehop/hop/trips.hpp"

#include <array>

#include "clock.hpp"
#include "framehop/base/error.hpp"

namespace framehop::hop {
namespace {

constexpr wire::Descriptor kDescriptor{
    .generation = 1, .source_width = 1920, .source_height = 1080, .width = 1920, .height = 1080, .stride = 5760};

// Calls `done`, which waits by itself and may return early without a cause, until it is true.
template <class Done>
void await(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + kTripPatience;
    while (!done()) {
        if (std::chrono::steady_clock::now() < deadline) continue;
        throw Error(Errc::system, "the other side of the trips did not do its part within " +
                                      std::to_string(kTripPatience.count()) + " s");
    }
}

void check(bool sent) {
    if (!sent) throw Error(Errc::system, "the other side of the trips is gone");
}

}  // namespace

TripTimes time_trips(HopClient& client, std::size_t count) {
    ClientEvents events;
    await([&] { return client.credits() > 0 || (client.poll(kTripPatience, {}, events) && client.credits() > 0); });
    TripTimes times;
    times.reserve(count);
    std::array one{kDescriptor};
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t began = monotonic_ns();
        events.replies.clear();
        check(client.try_send(one));
        await([&] { return client.poll(kTripPatience, {}, events) && !events.replies.empty(); });
        times.push_back(static_cast<std::int64_t>(monotonic_ns() - began));
    }
    return times;
}

void answer_trips(HopServer& server, std::size_t count) {
    ServerEvents events;
    for (std::size_t answered = 0; answered < count;) {
        events = {};
        await([&] { return server.poll(kTripPatience, {}, events); });
        for (const Request& request : events.requests) {
            check(server.try_reply(request, {}, {}, ""));
            ++answered;
        }
    }
}

}  // namespace framehop::hop
