#include "framehop/shm/tag_cell.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace framehop::shm {
namespace {

using StreamWords = std::array<std::uint64_t, kMaxStreamBytes / 8>;

constexpr std::uint64_t pack(std::uint32_t low, std::uint32_t high) noexcept {
    return std::uint64_t{low} | std::uint64_t{high} << 32;
}
constexpr std::uint32_t low_half(std::uint64_t packed) noexcept { return static_cast<std::uint32_t>(packed); }
constexpr std::uint32_t high_half(std::uint64_t packed) noexcept { return static_cast<std::uint32_t>(packed >> 32); }

// A sequence lock without fences, which ThreadSanitizer does not know. Every payload store is a release, so a reader
// that sees it also sees the odd sequence before it; every payload load is an acquire, so the second look at the
// sequence comes after it. The two pair up.
constexpr auto kPut = std::memory_order_release;
constexpr auto kGet = std::memory_order_acquire;

std::uint64_t begin_write(TagCell& cell) noexcept {
    // relaxed: only the slot's owner writes here, and the payload's releases carry this store.
    const std::uint64_t before = cell.sequence.load(std::memory_order_relaxed);
    const std::uint64_t odd = before % 2 == 0 ? before + 1 : before + 2;
    cell.sequence.store(odd, std::memory_order_relaxed);
    return odd;
}

StreamWords stream_words(const std::string& stream) noexcept {
    StreamWords words{};
    std::memcpy(words.data(), stream.data(), std::min(stream.size(), kMaxStreamBytes));
    return words;
}

FrameTag load_payload(const TagCell& cell) {
    StreamWords words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = cell.stream[i].load(kGet);
    const std::uint64_t packed = cell.partition_and_length.load(kGet);
    const std::size_t length = std::min<std::size_t>(high_half(packed), kMaxStreamBytes);
    return {.stream = std::string(reinterpret_cast<const char*>(words.data()), length),
            .epoch = static_cast<std::int64_t>(cell.epoch.load(kGet)),
            .seq = static_cast<std::int64_t>(cell.seq.load(kGet)),
            .partition = static_cast<std::int32_t>(low_half(packed)),
            .offset = static_cast<std::int64_t>(cell.offset.load(kGet))};
}

}  // namespace

void write_tag(TagCell& cell, const FrameTag& tag, std::uint32_t generation) noexcept {
    const std::uint64_t odd = begin_write(cell);
    const StreamWords words = stream_words(tag.stream);
    cell.generation.store(generation, kPut);
    cell.epoch.store(static_cast<std::uint64_t>(tag.epoch), kPut);
    cell.seq.store(static_cast<std::uint64_t>(tag.seq), kPut);
    cell.offset.store(static_cast<std::uint64_t>(tag.offset), kPut);
    cell.partition_and_length.store(
        pack(static_cast<std::uint32_t>(tag.partition), static_cast<std::uint32_t>(tag.stream.size())), kPut);
    for (std::size_t i = 0; i < words.size(); ++i) cell.stream[i].store(words[i], kPut);
    // release: pairs with the first acquire in read_tag.
    cell.sequence.store(odd + 1, std::memory_order_release);
}

std::optional<FrameTag> read_tag(const TagCell& cell, std::uint32_t generation) {
    const std::uint64_t before = cell.sequence.load(std::memory_order_acquire);
    if (before % 2 != 0 || cell.generation.load(kGet) != generation || generation == 0) return std::nullopt;
    FrameTag tag = load_payload(cell);
    // relaxed: the payload's acquires keep this load after them.
    if (cell.sequence.load(std::memory_order_relaxed) != before) return std::nullopt;
    return tag;
}

// relaxed: the shape travels with the slot word, released by publish and acquired by the lease.
void write_shape(PictureCell& cell, const PictureShape& shape) noexcept {
    cell.size.store(pack(shape.width, shape.height), std::memory_order_relaxed);
    cell.stride_and_format.store(pack(shape.stride, static_cast<std::uint32_t>(shape.format)),
                                 std::memory_order_relaxed);
}

PictureShape read_shape(const PictureCell& cell) noexcept {
    const std::uint64_t size = cell.size.load(std::memory_order_relaxed);
    const std::uint64_t rest = cell.stride_and_format.load(std::memory_order_relaxed);
    const std::uint32_t format = high_half(rest);
    return {.width = low_half(size),
            .height = high_half(size),
            .stride = low_half(rest),
            .format = std::bit_cast<PixelFormat>(static_cast<std::uint16_t>(format <= UINT16_MAX ? format : 0))};
}

}  // namespace framehop::shm
