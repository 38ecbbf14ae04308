#include <sys/eventfd.h>
#include <zmq.h>

#include <array>
#include <cstring>
#include <utility>

#include "clock.hpp"
#include "framehop/base/error.hpp"
#include "framehop/hop/trips.hpp"
#include "framehop/shm/mapping.hpp"

namespace framehop::hop {
namespace {

constexpr std::size_t kTripBytes = 64;
using Payload = std::array<std::byte, kTripBytes>;

[[noreturn]] void throw_zmq_trip(const char* what) {
    throw Error(Errc::system, std::string(what) + ": " + zmq_strerror(errno));
}

void sleep_on(int bell) {
    eventfd_t count = 0;
    if (::eventfd_read(bell, &count) != 0) throw_errno("eventfd_read");
}

template <class Trip>
TripTimes timed(std::size_t count, Trip trip) {
    TripTimes times;
    times.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t began = monotonic_ns();
        trip();
        times.push_back(static_cast<std::int64_t>(monotonic_ns() - began));
    }
    return times;
}

}  // namespace

struct BareBells::Shared {
    explicit Shared(int memory) : mapping(memory, 2 * kTripBytes, shm::Mapping::Access::read_write) {}
    shm::Mapping mapping;
    Payload own{};

    // Copies like a queue does: into the memory, and out of it. The eventfds order the two sides.
    void put(std::size_t line) { std::memcpy(mapping.data() + line * kTripBytes, own.data(), kTripBytes); }
    void get(std::size_t line) { std::memcpy(own.data(), mapping.data() + line * kTripBytes, kTripBytes); }
};

BareBells::BareBells(int memory, int mine, int theirs)
    : shared_(std::make_unique<Shared>(memory)), mine_(mine), theirs_(theirs) {}

BareBells::~BareBells() = default;

TripTimes BareBells::time_trips(std::size_t count) {
    return timed(count, [this] {
        shared_->put(0);
        static_cast<void>(::eventfd_write(theirs_, 1));
        sleep_on(mine_);
        shared_->get(1);
    });
}

void BareBells::answer_trips(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        sleep_on(mine_);
        shared_->get(0);
        shared_->put(1);
        static_cast<void>(::eventfd_write(theirs_, 1));
    }
}

BareZmq::BareZmq(const std::string& address, bool bind)
    : context_(zmq_ctx_new()), socket_(zmq_socket(context_, bind ? ZMQ_ROUTER : ZMQ_DEALER)) {
    const int never = 0;
    const int patience_ms = static_cast<int>(std::chrono::milliseconds(kTripPatience).count());
    zmq_setsockopt(socket_, ZMQ_LINGER, &never, sizeof never);
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    if ((bind ? zmq_bind : zmq_connect)(socket_, address.c_str()) == 0) return;
    const int number = errno;
    zmq_close(socket_);
    zmq_ctx_term(context_);
    errno = number;
    throw_zmq_trip("bare libzmq at its address");
}

BareZmq::~BareZmq() {
    zmq_close(socket_);
    while (zmq_ctx_term(context_) != 0 && errno == EINTR) {
    }
}

TripTimes BareZmq::time_trips(std::size_t count) {
    Payload payload{};
    return timed(count, [&] {
        if (zmq_send(socket_, payload.data(), payload.size(), 0) < 0) throw_zmq_trip("zmq_send");
        if (zmq_recv(socket_, payload.data(), payload.size(), 0) < 0) throw_zmq_trip("zmq_recv");
    });
}

void BareZmq::answer_trips(std::size_t count) {
    Payload payload{};
    std::array<char, 256> peer{};
    for (std::size_t i = 0; i < count; ++i) {
        const int name = zmq_recv(socket_, peer.data(), peer.size(), 0);
        if (name < 0 || zmq_recv(socket_, payload.data(), payload.size(), 0) < 0) throw_zmq_trip("zmq_recv");
        const bool sent = zmq_send(socket_, peer.data(), static_cast<std::size_t>(name), ZMQ_SNDMORE) >= 0 &&
                          zmq_send(socket_, payload.data(), payload.size(), 0) >= 0;
        if (!sent) throw_zmq_trip("zmq_send");
    }
}

}  // namespace framehop::hop
