// The ring's slots as slot_table.cpp, lease.cpp, tap_quota.cpp and host.cpp work them: each access to shared memory is
// a step, and between any two of them every process can be killed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "explore.hpp"
#include "slot_state.hpp"

namespace framehop::models {

class SlotModel {
  public:
    SlotModel(const Cast& cast, Fault fault) : cast_(cast), fault_(fault) {}

    [[nodiscard]] State first() const {
        State state{};
        for (std::size_t i = 0; i < cast_.places.size(); ++i) {
            state.readers[i].place = cast_.places[i];
            state.readers[i].wishes = cast_.wishes;
        }
        for (u8 i = 0; keeps() && i < cast_.quota; ++i)
            state.tickets[i].kept = static_cast<u8>(cast_.first_tap + i + 1);
        state.kills = cast_.kills;
        return state;
    }

    template <class Add>
    void steps(const State& state, Add add) const {
        writer_steps(state, add);
        for (u8 i = 0; i < readers(); ++i) reader_steps(state, i, add);
        if (state.kills > 0) kills(state, add);
    }

    [[nodiscard]] const char* broken(const State& state) const {
        for (const Reader& reader : actors(state)) {
            const bool looks = reader.at == ReaderAt::look || reader.at == ReaderAt::look_again;
            if (looks && state.slots[reader.slot].pixels != reader.generation) return kWrongPixels;
            if (reader.at == ReaderAt::starved) return kStarved;
        }
        if (pinned_by_taps(state) > cast_.quota) return kOverQuota;
        if (sleeps_for_ever(state)) return kLostWake;
        return is_quiet(state) && !is_clean(state) ? kLeaked : nullptr;
    }

  private:
    [[nodiscard]] u8 readers() const { return static_cast<u8>(cast_.places.size()); }
    [[nodiscard]] std::span<const Reader> actors(const State& state) const {
        return std::span(state.readers).first(readers());
    }
    [[nodiscard]] bool keeps() const { return cast_.kept && fault_ != Fault::unkept_ticket; }
    [[nodiscard]] bool is_tap(const Reader& reader) const { return reader.place >= cast_.first_tap; }
    static u8 bit(const Reader& reader) { return static_cast<u8>(1 << reader.place); }

    // ---- rules

    [[nodiscard]] int pinned_by_taps(const State& state) const {
        const u8 taps = static_cast<u8>(0xFF << cast_.first_tap);
        int pinned = 0;
        for (const Slot& slot : state.slots) pinned += (slot.leases & taps) != 0;
        return pinned;
    }

    [[nodiscard]] bool will_ring(const State& state, const Reader& reader) const {
        if (reader.at == ReaderAt::ring || reader.at == ReaderAt::wake) return true;
        if (reader.at != ReaderAt::dead) return false;
        if (fault_ != Fault::silent_reclaim || reader.freed) return true;
        return std::ranges::any_of(state.slots, [&](const Slot& slot) { return (slot.leases & bit(reader)) != 0; });
    }

    [[nodiscard]] bool sleeps_for_ever(const State& state) const {
        if (state.writer.at != WriterAt::asleep || state.writer.woken) return false;
        if (std::ranges::none_of(state.slots, &Slot::reusable)) return false;
        return std::ranges::none_of(actors(state), [&](const Reader& reader) { return will_ring(state, reader); });
    }

    [[nodiscard]] bool is_quiet(const State& state) const {
        return state.writer.at == WriterAt::idle && state.writer.made == cast_.generations &&
               std::ranges::none_of(state.slots, [](const Slot& slot) { return slot.is == SlotIs::ready; }) &&
               std::ranges::all_of(actors(state), [](const Reader& reader) { return reader.at == ReaderAt::idle; });
    }

    static bool is_clean(const State& state) {
        return std::ranges::all_of(state.slots, &Slot::reusable) &&
               std::ranges::all_of(state.tickets, [](const Ticket& ticket) { return ticket.user == 0; });
    }

    // ---- the writer and its host

    template <class Add>
    void writer_steps(const State& state, Add add) const {
        State next = state;
        Writer& writer = next.writer;
        switch (state.writer.at) {
            case WriterAt::idle:
                retirements(state, add);
                if (writer.made == cast_.generations) return;
                ++next.waiters;
                writer.at = WriterAt::sample;
                return add("writer: counts itself as waiting", next);
            case WriterAt::sample:
                writer.changed = 0;
                writer.slot = 0;
                writer.at = WriterAt::scan;
                return add("writer: samples the bell", next);
            case WriterAt::scan:
                scan(next);
                return add("writer: tries a slot", next);
            case WriterAt::compare:
                writer.woken = 0;
                writer.at = writer.changed && fault_ != Fault::sleep_uncompared ? WriterAt::sample : WriterAt::asleep;
                return add("writer: compares the bell with its sample", next);
            case WriterAt::asleep:
                if (!writer.woken) return;
                writer.at = WriterAt::compare;
                return add("writer: wakes", next);
            case WriterAt::half:
                next.slots[writer.slot].pixels = kHalfWritten;
                writer.at = WriterAt::whole;
                return add("writer: writes half a picture", next);
            case WriterAt::whole:
                next.slots[writer.slot].pixels = next.slots[writer.slot].generation;
                writer.at = WriterAt::ending;
                return add("writer: writes the rest", next);
            case WriterAt::ending:
                return endings(state, add);
            case WriterAt::dead:
                writer.at = WriterAt::adopting;
                writer.slot = 0;
                return add("host: sees the dead writer", next);
            case WriterAt::adopting:
                adopt(next);
                return add("host: adopts a slot", next);
        }
    }

    static void scan(State& next) {
        Writer& writer = next.writer;
        Slot& slot = next.slots[writer.slot];
        if (slot.reusable()) {
            slot = {SlotIs::filling, static_cast<u8>(slot.generation + 1), 0, slot.pixels};
            --next.waiters;
            writer.changed = 0;
            writer.at = WriterAt::half;
        } else if (++writer.slot == kSlots) {
            writer.slot = 0;
            writer.at = WriterAt::compare;
        }
    }

    static void end_of(State& next) {
        ++next.writer.made;
        next.writer.at = WriterAt::idle;
        next.writer.slot = 0;
    }

    template <class Add>
    static void endings(const State& state, Add add) {
        for (const SlotIs after : {SlotIs::ready, SlotIs::free}) {
            State next = state;
            next.slots[state.writer.slot].is = after;
            end_of(next);
            add(after == SlotIs::ready ? "writer: publishes" : "writer: abandons", next);
        }
    }

    template <class Add>
    static void retirements(const State& state, Add add) {
        for (u8 i = 0; i < kSlots; ++i) {
            if (state.slots[i].is != SlotIs::ready) continue;
            State next = state;
            next.slots[i].is = SlotIs::free;
            add("writer: retires a picture", next);
        }
    }

    static void adopt(State& next) {
        Writer& writer = next.writer;
        next.slots[writer.slot].is = SlotIs::free;
        if (++writer.slot < kSlots) return;
        next.waiters = 0;
        writer = {WriterAt::idle, 0, 0, 0, writer.made};
    }

    // ---- the readers

    template <class Add>
    void reader_steps(const State& state, u8 i, Add add) const {
        const Reader& now = state.readers[i];
        if (now.at == ReaderAt::starved || waits_for_lock(state, i)) return;
        if (now.at == ReaderAt::idle) return wishes(state, i, add);
        State next = state;
        Reader& reader = next.readers[i];
        Slot& slot = next.slots[reader.slot];
        switch (now.at) {
            case ReaderAt::ticket:
                take_ticket(next, reader);
                return add("tap: tries a ticket", next);
            case ReaderAt::lease:
                lease(reader, slot);
                return add("reader: leases", next);
            case ReaderAt::look:
                reader.at = ReaderAt::look_again;
                return add("reader: looks", next);
            case ReaderAt::look_again:
                reader.at = ReaderAt::drop;
                if (fault_ == Fault::early_ticket) give_back(next, reader);
                return add("reader: has seen enough", next);
            case ReaderAt::drop:
                slot.leases = static_cast<u8>(slot.leases & ~bit(reader));
                reader.at = slot.reusable() ? ReaderAt::ring : ReaderAt::give_back;
                return add("reader: drops its bit", next);
            case ReaderAt::ring:
                change_bell(next);
                reader.at = ReaderAt::wake;
                return add("reader: changes the bell", next);
            case ReaderAt::wake:
                wake(next);
                reader.at = ReaderAt::give_back;
                return add("reader: wakes whoever waits", next);
            case ReaderAt::give_back:
                give_back(next, reader);
                rest(reader);
                return add("reader: gives its ticket back", next);
            case ReaderAt::dead:
                reclaim(next, reader);
                return add("host: reclaims a step further", next);
            default:
                return;
        }
    }

    // Before the writer samples, a change is nothing to it.
    static void change_bell(State& next) {
        const WriterAt at = next.writer.at;
        if (at == WriterAt::scan || at == WriterAt::compare || at == WriterAt::asleep) next.writer.changed = 1;
    }

    static void wake(State& next) {
        if (next.waiters > 0 && next.writer.at == WriterAt::asleep) next.writer.woken = 1;
    }

    static void rest(Reader& reader) { reader = {ReaderAt::idle, reader.place, 0, 0, 0, 0, reader.wishes, 0}; }

    [[nodiscard]] bool is_twin(u8 i, u8 other) const { return i != other && cast_.places[i] == cast_.places[other]; }

    // Threads of one process take and end leases one at a time, by the mutex of the LeaseBook.
    [[nodiscard]] bool waits_for_lock(const State& state, u8 i) const {
        const ReaderAt at = state.readers[i].at;
        if (at != ReaderAt::idle && at != ReaderAt::drop) return false;
        for (u8 other = 0; other < readers(); ++other) {
            const ReaderAt there = state.readers[other].at;
            const bool inside = there == ReaderAt::ticket || there == ReaderAt::lease || there == ReaderAt::ring ||
                                there == ReaderAt::wake || there == ReaderAt::give_back;
            if (is_twin(i, other) && inside) return true;
        }
        return false;
    }

    // They do not lease one slot twice either: the LeaseBook counts there.
    [[nodiscard]] bool may_want(u8 i, u8 slot) const {
        for (u8 other = 0; other < readers(); ++other) {
            if (is_twin(i, other)) return slot == i % kSlots;
        }
        return true;
    }

    template <class Add>
    void wishes(const State& state, u8 i, Add add) const {
        if (fault_ == Fault::reused_place) lose_place(state, i, add);
        if (state.readers[i].wishes == 0) return;
        for (u8 slot = 0; slot < kSlots; ++slot) {
            if (!may_want(i, slot)) continue;
            for (u8 generation = 1; generation <= state.slots[slot].generation; ++generation) {
                State next = state;
                Reader& reader = next.readers[i];
                reader = {is_tap(reader) ? ReaderAt::ticket : ReaderAt::lease,
                          reader.place,
                          slot,
                          generation,
                          0,
                          0,
                          static_cast<u8>(reader.wishes - 1),
                          0};
                add("reader: wants a picture", next);
            }
        }
    }

    template <class Add>
    void lose_place(const State& state, u8 i, Add add) const {
        for (const Reader& other : actors(state)) {
            if (other.place == state.readers[i].place) continue;
            State next = state;
            next.readers[i].place = other.place;
            add("host: gives away a place whose connection hung up", next);
        }
    }

    void take_ticket(State& next, Reader& reader) const {
        const u8 name = static_cast<u8>(reader.place + 1);
        const bool own = reader.scan < cast_.quota;
        Ticket& ticket = next.tickets[reader.scan % cast_.quota];
        if (ticket.user == 0 && ticket.kept == (own ? name : 0)) {
            ticket.user = name;
            reader.ticket = static_cast<u8>(reader.scan % cast_.quota + 1);
            reader.scan = 0;
            reader.at = ReaderAt::lease;
        } else if (++reader.scan == 2 * cast_.quota) {
            const bool pins = std::ranges::any_of(next.tickets, [&](const Ticket& t) { return t.user == name; });
            if (cast_.kept && !pins) {
                reader.at = ReaderAt::starved;
            } else {
                rest(reader);
            }
        }
    }

    void lease(Reader& reader, Slot& slot) const {
        const bool fresh = slot.generation == reader.generation || fault_ == Fault::unchecked_lease;
        if (slot.is == SlotIs::ready && fresh) {
            slot.leases = static_cast<u8>(slot.leases | bit(reader));
            reader.at = ReaderAt::look;
        } else {
            reader.at = ReaderAt::give_back;
        }
    }

    static void give_back(State& next, Reader& reader) {
        if (reader.ticket != 0) next.tickets[reader.ticket - 1].user = 0;
        reader.ticket = 0;
    }

    // One step for each slot, then the tickets, then the bell. Another process may take the place afterwards.
    void reclaim(State& next, Reader& reader) const {
        if (reader.scan < kSlots) {
            Slot& slot = next.slots[reader.scan++];
            const bool held = (slot.leases & bit(reader)) != 0;
            slot.leases = static_cast<u8>(slot.leases & ~bit(reader));
            reader.freed = static_cast<u8>(reader.freed | (held && slot.reusable()));
        } else if (reader.scan++ == kSlots) {
            for (Ticket& ticket : next.tickets) {
                if (ticket.user == reader.place + 1 && fault_ != Fault::half_reclaim) ticket.user = 0;
            }
        } else {
            if (reader.freed || fault_ != Fault::silent_reclaim) {
                change_bell(next);
                wake(next);
            }
            rest(reader);
        }
    }

    // ---- kills

    template <class Add>
    void kills(const State& state, Add add) const {
        if (state.writer.at < WriterAt::dead) {
            State next = state;
            --next.kills;
            next.writer.at = WriterAt::dead;
            next.writer.woken = next.writer.changed = 0;
            add("KILL the writer", next);
        }
        for (u8 i = 0; i < readers(); ++i) {
            const auto dead = [&](const Reader& other) {
                return other.place == state.readers[i].place && other.at == ReaderAt::dead;
            };
            if (std::ranges::any_of(actors(state), dead)) continue;
            State next = state;
            --next.kills;
            // Its threads die with it, and come to nothing; another process may take the place.
            for (Reader& reader : std::span(next.readers).first(readers())) {
                if (reader.place != state.readers[i].place) continue;
                rest(reader);
                reader.wishes = 0;
            }
            next.readers[i].at = ReaderAt::dead;
            next.readers[i].wishes = state.readers[i].wishes;
            add("KILL a reader", next);
        }
    }

    Cast cast_;
    Fault fault_;
};

}  // namespace framehop::models
