#include "shm_channel.hpp"

#include <unistd.h>

#include <utility>

#include "framehop/base/error.hpp"
#include "framehop/hop/link.hpp"
#include "framehop/shm/memory_file.hpp"

namespace framehop::hop {
namespace {

constexpr const char* kWhat = "the memory of a link of the hop";

struct Header {
    Handshake identity;
    alignas(kCacheLine) QueueIndices to_detector;
    QueueIndices to_worker;
};

constexpr std::uint64_t kHeaderBytes = 4096;
constexpr std::uint64_t kChannelBytes = kHeaderBytes + kToDetectorBytes + kToWorkerBytes;
static_assert(sizeof(Header) <= kHeaderBytes && kChannelBytes == kShmLinkBytes);

shm::Mapping map(int memory) {
    if (shm::sealed_size(memory, kWhat) != kChannelBytes)
        throw Error(Errc::wrong_layout, std::string(kWhat) + " has the wrong size");
    shm::Mapping mapping(memory, kChannelBytes, shm::Mapping::Access::read_write);
    const Handshake found = reinterpret_cast<const Header*>(mapping.data())->identity;
    if (found.magic != kChannelMagic || found.version != kChannelVersion) {
        throw Error(Errc::wrong_layout, std::string(kWhat) + " has another layout; run one framehop on both sides");
    }
    return mapping;
}

QueueMemory queue(const shm::Mapping& mapping, bool to_detector) noexcept {
    auto* header = reinterpret_cast<Header*>(mapping.data());
    std::byte* data = mapping.data() + kHeaderBytes;
    return to_detector ? QueueMemory{&header->to_detector, data, kToDetectorBytes}
                       : QueueMemory{&header->to_worker, data + kToDetectorBytes, kToWorkerBytes};
}

}  // namespace

UniqueFd make_channel_memory() {
    UniqueFd memory = shm::make_memory_file("framehop-hop", kChannelBytes, kWhat);
    const Handshake identity;
    if (::pwrite(memory.get(), &identity, sizeof identity, 0) != sizeof identity)
        throw_errno("pwrite of a link's memory");
    shm::seal(memory.get());
    return memory;
}

Channel::Channel(int memory, Side side) : Channel(map(memory), side) {}

Channel::Channel(shm::Mapping mapping, Side side)
    : out(queue(mapping, side == Side::worker)),
      in(queue(mapping, side == Side::detector), side == Side::worker ? wire::kMaxToWorker : wire::kMaxToDetector),
      mapping_(std::move(mapping)) {}

}  // namespace framehop::hop
