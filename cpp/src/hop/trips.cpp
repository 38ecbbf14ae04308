#include "framehop/hop/trips.hpp"

#include <array>

#include "clock.hpp"
#include "framehop/base/error.hpp"

namespace framehop::hop {
namespace {

constexpr wire::Descriptor kDescriptor{
    .generation = 1, .source_width = 1920, .source_height = 1080, .width = 1920, .height = 1080, .stride = 5760};

[[noreturn]] void throw_alone() {
    throw Error(Errc::system,
                "the other side of the trips did not answer within " + std::to_string(kTripPatience.count()) + " s");
}

void await_welcome(HopClient& client) {
    const auto deadline = std::chrono::steady_clock::now() + kTripPatience;
    ClientEvents events;
    while (client.credits() == 0) {
        if (std::chrono::steady_clock::now() > deadline) throw_alone();
        static_cast<void>(client.poll(std::chrono::milliseconds(100), {}, events));
    }
}

}  // namespace

TripTimes time_trips(HopClient& client, std::size_t count) {
    await_welcome(client);
    TripTimes times;
    times.reserve(count);
    ClientEvents events;
    std::array one{kDescriptor};
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t began = monotonic_ns();
        events.replies.clear();
        if (!client.try_send(one) || !client.poll(kTripPatience, {}, events) || events.replies.empty()) throw_alone();
        times.push_back(static_cast<std::int64_t>(monotonic_ns() - began));
    }
    return times;
}

void answer_trips(HopServer& server, std::size_t count) {
    ServerEvents events;
    for (std::size_t answered = 0; answered < count;) {
        events = {};
        if (!server.poll(kTripPatience, {}, events)) throw_alone();
        for (const Request& request : events.requests) {
            if (!server.try_reply(request, {}, {}, "")) throw_alone();
            ++answered;
        }
    }
}

}  // namespace framehop::hop
