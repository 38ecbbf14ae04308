#include "shm_queue.hpp"

#include <algorithm>
#include <cstring>

// The memory orders pair up:
//  - head: try_push stores with release, the reader loads with acquire, so it sees the whole message;
//  - tail: try_pop stores with release after its copy, the writer loads with acquire, so it overwrites nothing unread;
//  - head and asleep are a Dekker pair: the writer stores head and then loads asleep, the reader stores asleep and then
//    loads head, all seq_cst. So either the writer sees the sleeper, or the sleeper sees the message.
namespace framehop::hop {
namespace {

using Length = std::uint64_t;

constexpr std::uint64_t record_bytes(std::uint64_t length) noexcept {
    return sizeof(Length) + (length + sizeof(Length) - 1) / sizeof(Length) * sizeof(Length);
}

// Calls `copy(place, offset, bytes)` for the one or two pieces in which `bytes` bytes from index `from` lie.
template <class Copy>
void for_pieces(const QueueMemory& memory, std::uint64_t from, std::uint64_t bytes, Copy copy) {
    const std::uint64_t at = from & (memory.capacity - 1);
    const std::uint64_t first = std::min(bytes, memory.capacity - at);
    if (first > 0) copy(memory.data + at, 0, first);  // an empty message has no bytes to point to
    if (bytes > first) copy(memory.data, first, bytes - first);
}

}  // namespace

bool QueueWriter::try_push(wire::Bytes message) noexcept {
    const std::uint64_t used = head_ - memory_.indices->tail.load(std::memory_order_acquire);
    const Length length = message.size();
    if (used > memory_.capacity || memory_.capacity - used < record_bytes(length)) return false;
    // A length never wraps, as all records and the capacity are multiples of its size.
    std::memcpy(memory_.data + (head_ & (memory_.capacity - 1)), &length, sizeof length);
    for_pieces(memory_, head_ + sizeof length, length,
               [&](std::byte* place, std::uint64_t offset, std::uint64_t bytes) {
                   std::memcpy(place, message.data() + offset, bytes);
               });
    head_ += record_bytes(length);
    memory_.indices->head.store(head_, std::memory_order_seq_cst);
    return true;
}

bool QueueWriter::reader_sleeps() const noexcept {
    return memory_.indices->asleep.load(std::memory_order_seq_cst) != 0;
}

bool QueueReader::empty() const noexcept { return memory_.indices->head.load(std::memory_order_seq_cst) == tail_; }

void QueueReader::say_asleep(bool asleep) const noexcept {
    memory_.indices->asleep.store(asleep ? 1 : 0, std::memory_order_seq_cst);
}

Popped QueueReader::try_pop(wire::Buffer& message) {
    const std::uint64_t available = memory_.indices->head.load(std::memory_order_acquire) - tail_;
    if (available == 0) return Popped::nothing;
    if (available > memory_.capacity || available < sizeof(Length)) return Popped::broken;
    // relaxed: `head` has carried it. Atomic, so that it is read once: a writer that changes it after the check changes
    // nothing.
    auto& place_of_length = *reinterpret_cast<Length*>(memory_.data + (tail_ & (memory_.capacity - 1)));
    const Length length = std::atomic_ref(place_of_length).load(std::memory_order_relaxed);
    if (length > most_ || record_bytes(length) > available) return Popped::broken;
    message.resize(length);
    for_pieces(memory_, tail_ + sizeof length, length,
               [&](std::byte* place, std::uint64_t offset, std::uint64_t bytes) {
                   std::memcpy(message.data() + offset, place, bytes);
               });
    tail_ += record_bytes(length);
    memory_.indices->tail.store(tail_, std::memory_order_release);
    return Popped::message;
}

}  // namespace framehop::hop
