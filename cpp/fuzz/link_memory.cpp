// Whatever a peer writes into the memory of a link, the reader gets whole messages within its bound or says that the
// queue is broken, and comes to an end. The input: head, tail and sleep of the queue, then its bytes.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "shm_queue.hpp"

namespace {

using namespace framehop;

constexpr std::uint64_t kCapacity = 4096;
constexpr std::size_t kMost = 1024;
constexpr std::uint64_t kLeastRecord = 8;

struct Wild {
    std::uint64_t head;
    std::uint64_t tail;
    std::uint32_t asleep;
};

void read(const Wild& wild, const std::uint8_t* bytes, std::size_t size) {
    hop::QueueIndices indices{};
    indices.head = wild.head;
    indices.tail = wild.tail;
    indices.asleep = wild.asleep;
    alignas(hop::kCacheLine) std::byte data[kCapacity] = {};
    std::memcpy(data, bytes, std::min<std::size_t>(size, kCapacity));
    hop::QueueReader reader({&indices, data, kCapacity}, kMost);
    wire::Buffer message;
    std::uint64_t popped = 0;
    while (reader.try_pop(message) == hop::Popped::message) {
        if (message.size() > kMost || ++popped > kCapacity / kLeastRecord) std::abort();
    }
    hop::QueueWriter writer({&indices, data, kCapacity});
    for (int i = 0; i < 4; ++i) static_cast<void>(writer.try_push(std::vector<std::uint8_t>(kMost)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Wild wild{};
    if (size < sizeof wild) return 0;
    std::memcpy(&wild, data, sizeof wild);
    read(wild, data + sizeof wild, size - sizeof wild);
    return 0;
}
