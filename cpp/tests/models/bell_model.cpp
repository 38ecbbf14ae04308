// A model of one direction of the shared-memory link (cpp/src/hop/shm_queue.hpp and watch.hpp): a producer, a
// consumer, a queue between them, and the bell that wakes the consumer. Each access to shared memory is a step, and the
// producer can be killed between any two. `bell_model` proves the rules, `bell_model FAULT` that they notice a link
// with that fault.
#include <array>
#include <cstdint>
#include <string_view>

#include "explore.hpp"

namespace framehop::models {
namespace {

using u8 = std::uint8_t;

constexpr u8 kCells = 2;
constexpr u8 kItems = 5;

constexpr const char* kLostWake = "the consumer sleeps beside an item, and nobody will ring";
constexpr const char* kWrongItem = "an item is read torn, twice or out of order";
constexpr const char* kLostItem = "the end, and an item that was pushed was never read";

enum class Fault {
    none,
    look_first,      // the consumer looks for items before it says that it sleeps, and not after
    ring_first,      // the producer looks whether somebody sleeps before it publishes the item
    publish_first,   // the producer moves its index before it writes the cell
    free_first,      // the consumer gives the cell back before it has copied it
    leave_at_death,  // the consumer leaves when the producer is dead, without a last look
};

enum class ProducerAt : u8 { idle, write, publish, peek, wake, dead };
enum class ConsumerAt : u8 { look, say_asleep, look_again, sleep, awake, copy, release, gone };

struct State {
    std::array<u8, kCells> cells;
    u8 head;
    u8 tail;
    u8 asleep;
    u8 rung;  // a ring that the consumer's epoll has yet to tell
    u8 pushed;
    u8 read;
    ProducerAt producer;
    ConsumerAt consumer;
    u8 saw_sleeper;
    u8 wrong;
};

class BellModel {
  public:
    explicit BellModel(Fault fault) : fault_(fault) {}

    [[nodiscard]] static State first() { return {}; }

    template <class Add>
    void steps(const State& state, Add add) const {
        producer_steps(state, add);
        consumer_steps(state, add);
        if (state.producer == ProducerAt::dead) return;
        State next = state;
        next.producer = ProducerAt::dead;
        add("KILL the producer", next);
    }

    [[nodiscard]] const char* broken(const State& state) const {
        if (state.wrong) return kWrongItem;
        const bool waiting = state.consumer == ConsumerAt::sleep && !state.rung && state.head != state.tail;
        if (waiting && state.producer == ProducerAt::idle) return kLostWake;
        if (state.consumer == ConsumerAt::gone && state.head != state.tail) return kLostItem;
        return nullptr;
    }

  private:
    template <class Add>
    void producer_steps(const State& state, Add add) const {
        State next = state;
        switch (state.producer) {
            case ProducerAt::idle:
                if (state.pushed == kItems || static_cast<u8>(state.head - state.tail) == kCells) return;
                next.saw_sleeper = state.asleep;
                next.producer = fault_ == Fault::publish_first ? ProducerAt::publish : ProducerAt::write;
                return add("producer: finds room", next);
            case ProducerAt::write:
                next.cells[state.pushed % kCells] = static_cast<u8>(state.pushed + 1);
                ++next.pushed;
                next.producer = fault_ == Fault::publish_first ? ProducerAt::peek : ProducerAt::publish;
                return add("producer: writes the cell", next);
            case ProducerAt::publish:
                ++next.head;
                next.producer = fault_ == Fault::publish_first ? ProducerAt::write : ProducerAt::peek;
                return add("producer: publishes it", next);
            case ProducerAt::peek:
                if (fault_ != Fault::ring_first) next.saw_sleeper = state.asleep;
                next.producer = next.saw_sleeper ? ProducerAt::wake : ProducerAt::idle;
                return add("producer: looks whether somebody sleeps", next);
            case ProducerAt::wake:
                next.rung = 1;
                next.producer = ProducerAt::idle;
                return add("producer: rings", next);
            case ProducerAt::dead:
                return;
        }
    }

    template <class Add>
    void consumer_steps(const State& state, Add add) const {
        State next = state;
        const bool empty = state.head == state.tail;
        switch (state.consumer) {
            case ConsumerAt::look:
                next.consumer = empty ? ConsumerAt::say_asleep : ConsumerAt::copy;
                return add("consumer: looks", next);
            case ConsumerAt::say_asleep:
                next.asleep = 1;
                next.consumer = fault_ == Fault::look_first ? ConsumerAt::sleep : ConsumerAt::look_again;
                return add("consumer: says that it sleeps", next);
            case ConsumerAt::look_again:
                next.consumer = empty ? ConsumerAt::sleep : ConsumerAt::awake;
                return add("consumer: looks again", next);
            case ConsumerAt::sleep:
                if (!state.rung && state.producer != ProducerAt::dead) return;
                if (fault_ == Fault::leave_at_death && state.producer == ProducerAt::dead) {
                    next.consumer = ConsumerAt::gone;
                    return add("consumer: leaves a dead producer", next);
                }
                next.rung = 0;
                next.consumer = ConsumerAt::awake;
                return add("consumer: is woken, by the bell or by a death", next);
            case ConsumerAt::awake:
                next.asleep = 0;
                next.consumer = state.producer == ProducerAt::dead && empty ? ConsumerAt::gone : ConsumerAt::look;
                return add("consumer: is awake", next);
            case ConsumerAt::copy:
                take(next);
                next.consumer = ConsumerAt::release;
                return add("consumer: copies the cell", next);
            case ConsumerAt::release:
                if (fault_ == Fault::free_first) {
                    check(next, static_cast<u8>(state.tail - 1));
                } else {
                    ++next.tail;
                }
                next.consumer = ConsumerAt::look;
                return add("consumer: gives the cell back", next);
            case ConsumerAt::gone:
                return;
        }
    }

    void take(State& next) const {
        if (fault_ == Fault::free_first) {
            ++next.tail;
        } else {
            check(next, next.tail);
        }
    }

    static void check(State& next, u8 position) {
        ++next.read;
        next.wrong = next.cells[position % kCells] != next.read;
    }

    Fault fault_;
};

struct Variant {
    const char* name;
    Fault fault;
    const char* broken;
};

constexpr Variant kVariants[] = {
    {"look_first", Fault::look_first, kLostWake},         {"ring_first", Fault::ring_first, kLostWake},
    {"publish_first", Fault::publish_first, kWrongItem},  {"free_first", Fault::free_first, kWrongItem},
    {"leave_at_death", Fault::leave_at_death, kLostItem},
};

int breaks(std::string_view name) {
    for (const Variant& variant : kVariants) {
        if (name == variant.name) return judge(variant.name, BellModel(variant.fault), variant.broken);
    }
    std::printf("there is no fault of that name\n");
    return 2;
}

}  // namespace
}  // namespace framehop::models

int main(int argc, char** argv) {
    using namespace framehop::models;
    return argc == 1 ? judge("one direction of the link", BellModel(Fault::none), "") : breaks(argv[1]);
}
