// Any bytes are the control memory of a ring or refused, and whatever stands in its slots, a reader stays within it: it
// gets a picture that fits into its slot, or none.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/shm/memory_file.hpp"
#include "framehop/shm/slot_table.hpp"
#include "framehop/shm/tap_quota.hpp"

namespace {

using namespace framehop;

constexpr std::size_t kMostBytes = std::size_t{64} << 10;
constexpr std::uint32_t kHolder = 3;

void check(bool holds) {
    if (!holds) std::abort();
}

// The bytes as a peer would hand them over: in whole pages, all taken, and sealed.
UniqueFd memory_of(const std::uint8_t* data, std::size_t size) {
    const std::size_t pages = std::max<std::size_t>(1, (size + shm::kPageBytes - 1) / shm::kPageBytes);
    UniqueFd memory = shm::make_memory_file("framehop-fuzz", pages * shm::kPageBytes, "the input");
    check(::pwrite(memory.get(), data, size, 0) == static_cast<ssize_t>(size));
    shm::seal(memory.get());
    return memory;
}

// Whatever is read of such a picture lies in its slot.
void check_planes(const shm::PictureShape& shape, std::uint64_t slot_bytes) {
    static const std::uint8_t nowhere = 0;
    const ConstImageView view{&nowhere, shape.width, shape.height, shape.stride, shape.format};
    check(view.size_bytes() <= slot_bytes);
    for (const auto& plane : planes_of(view)) {
        const auto offset = reinterpret_cast<std::uintptr_t>(plane.data) - reinterpret_cast<std::uintptr_t>(&nowhere);
        check(plane.width >= 1 && plane.height >= 1);
        check(std::uint64_t{plane.width} * plane.channels <= plane.stride);
        check(offset + std::uint64_t{plane.stride} * plane.height <= slot_bytes);
    }
}

void look_at(shm::SlotTable& table, const shm::SlotInfo& info) {
    const shm::SlotId id{info.slot, info.generation};
    if (!table.try_lease(id, kHolder)) return;
    check(info.state == shm::SlotState::ready);
    const shm::PictureShape shape = table.shape(id.slot);
    if (shm::fits(shape, table.geometry().slot_bytes)) check_planes(shape, table.geometry().slot_bytes);
    if (const auto tag = table.tag(id)) check(tag->stream.size() <= shm::kMaxStreamBytes);
    table.release(id.slot, kHolder);
}

void use(int memory) {
    const auto control = std::make_shared<const shm::Control>(memory);
    check(control->geometry().valid());
    shm::SlotTable table(control);
    for (const shm::SlotInfo& info : table.snapshot()) look_at(table, info);
    shm::TapQuota quota(*control);
    if (const auto ticket = quota.try_take(kHolder)) quota.give_back(*ticket);
    static_cast<void>(table.reclaim(shm::only(kHolder)));
    check(table.leases_of(kHolder) == 0);
    static_cast<void>(table.adopt());
    if (const auto id = table.try_acquire({.stream = "fuzz"})) check(table.publish(*id) && table.retire(*id));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > kMostBytes) return 0;
    const UniqueFd memory = memory_of(data, size);
    try {
        use(memory.get());
    } catch (const Error& error) {
        check(error.code() == Errc::wrong_layout);
    }
    return 0;
}
