#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <unordered_map>

#include "framehop/hop/hop_client.hpp"
#include "framehop/shm/ring.hpp"
#include "pictures.hpp"
#include "players.hpp"

namespace framehop::kills {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kInFlight = 6;

struct Frame {
    std::uint64_t number;
    shm::SlotRef ref;
};

std::uint64_t key_of(std::uint32_t slot, std::uint32_t generation) noexcept {
    return std::uint64_t{slot} << 32U | generation;
}

class Worker {
  public:
    Worker(const Place& place, Ledger& ledger)
        : place_(place), ledger_(ledger), ring_(shm::attach(place.ring, shm::Role::writer, 30s)) {
        next_ = ledger.first_open();
    }

    void run() {
        while (more() || !unsent_.empty() || !sent_.empty()) {
            if (!client_ || client_->lost()) connect();
            write();
            send();
            hear();
        }
    }

  private:
    // Once it is over, what a killed predecessor has published is left to do.
    [[nodiscard]] bool more() const { return next_ < (ledger_.over ? ledger_.sent.load() : kMostFrames); }

    // What the lost detector has not answered goes to its successor, from the slots.
    void connect() {
        for (const auto& [key, frame] : sent_) unsent_.push_front(frame);
        sent_.clear();
        client_.reset();
        client_ = std::make_unique<hop::HopClient>(place_.hop, place_.ring, ring_.membership().control().ring_id());
    }

    void write() {
        while (more() && unsent_.size() + sent_.size() < kInFlight) {
            if (ledger_.has(next_)) {
                ++next_;
                continue;
            }
            const auto slot = ring_.try_acquire({.stream = "kills", .seq = static_cast<std::int64_t>(next_)});
            if (!slot) return;
            paint(slot->image(kWidth, kHeight), next_);
            const shm::SlotRef ref = slot->publish();
            ledger_.newest = key_of(ref.slot, ref.generation);
            ledger_.sent = std::max<std::uint64_t>(ledger_.sent, next_ + 1);
            unsent_.push_back({next_++, ref});
        }
    }

    void send() {
        while (!unsent_.empty() && client_->unanswered() < client_->credits()) {
            const Frame& frame = unsent_.front();
            wire::Descriptor one{.slot = frame.ref.slot,
                                 .generation = frame.ref.generation,
                                 .source_width = kWidth,
                                 .source_height = kHeight,
                                 .width = frame.ref.width,
                                 .height = frame.ref.height,
                                 .stride = frame.ref.stride};
            if (!client_->try_send({&one, 1})) return;
            sent_.emplace(key_of(one.slot, one.generation), frame);
            unsent_.pop_front();
        }
    }

    void hear() {
        hop::ClientEvents events;
        static_cast<void>(client_->poll(2ms, {}, events));
        for (const wire::Reply& reply : events.replies) {
            const auto asked = sent_.find(key_of(reply.header.slot, reply.header.generation));
            if (asked == sent_.end()) {
                ++ledger_.wrong;
                continue;
            }
            answer(asked->second, reply);
            sent_.erase(asked);
        }
    }

    void answer(const Frame& frame, const wire::Reply& reply) {
        const auto label = static_cast<std::int32_t>(frame.number);
        const bool right = reply.boxes.size() == 1 && reply.boxes.front().label_id == label;
        if (!right) ++ledger_.wrong;
        ledger_.answer(frame.number);
        static_cast<void>(ring_.retire(frame.ref.id()));
    }

    const Place& place_;
    Ledger& ledger_;
    shm::Ring ring_;
    std::unique_ptr<hop::HopClient> client_;
    std::uint64_t next_ = 0;
    std::deque<Frame> unsent_;
    std::unordered_map<std::uint64_t, Frame> sent_;
};

}  // namespace

void work(const Place& place, Ledger& ledger) { Worker(place, ledger).run(); }

}  // namespace framehop::kills
