// One direction of the shared-memory link: a queue of whole messages between two processes, one that writes and one
// that reads, and the word by which the reader says that it sleeps. cpp/tests/models/bell_model.cpp is its model.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "framehop/wire/parse.hpp"
#include "framehop/wire/serialise.hpp"

namespace framehop::hop {

inline constexpr std::size_t kCacheLine = 64;

// In shared memory. Indices count bytes for ever and never wrap back; each is written by one side.
struct QueueIndices {
    alignas(kCacheLine) std::atomic<std::uint64_t> head;    // bytes written so far
    alignas(kCacheLine) std::atomic<std::uint64_t> tail;    // bytes read so far
    alignas(kCacheLine) std::atomic<std::uint32_t> asleep;  // 1 while the reader sleeps or is about to
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(QueueIndices) == 3 * kCacheLine);

// A queue's memory: the indices, and `capacity` bytes, a power of two.
struct QueueMemory {
    QueueIndices* indices;
    std::byte* data;
    std::uint64_t capacity;
};

// Both ends keep their own index to themselves: what the peer writes there is never believed. Not thread-safe.
class QueueWriter {
  public:
    explicit QueueWriter(QueueMemory memory) noexcept : memory_(memory) {}

    // Takes all of `message` or nothing. False when there is no room.
    [[nodiscard]] bool try_push(wire::Bytes message) noexcept;
    // Whether the reader has to be woken. Ask after a push.
    [[nodiscard]] bool reader_sleeps() const noexcept;

  private:
    QueueMemory memory_;
    std::uint64_t head_ = 0;
};

enum class Popped { message, nothing, broken };

class QueueReader {
  public:
    // Believes no message above `most` bytes.
    QueueReader(QueueMemory memory, std::size_t most) noexcept : memory_(memory), most_(most) {}

    // Copies the next message out and only then believes it. `broken`: the writer's index or length makes no sense.
    [[nodiscard]] Popped try_pop(wire::Buffer& message);
    [[nodiscard]] bool empty() const noexcept;
    // Say true before you look whether the queue is empty and sleep; false when awake again.
    void say_asleep(bool asleep) const noexcept;

  private:
    QueueMemory memory_;
    std::size_t most_;
    std::uint64_t tail_ = 0;
};

}  // namespace framehop::hop
