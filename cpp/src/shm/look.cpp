#include "framehop/shm/look.hpp"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "framehop/base/error.hpp"
#include "framehop/shm/attach.hpp"
#include "framehop/shm/local_socket.hpp"

namespace framehop::shm {
namespace {

void count(const SlotInfo& slot, LookReply& reply) noexcept {
    if (slot.state == SlotState::filling) ++reply.filling;
    if (slot.state == SlotState::ready) ++reply.ready;
    if (slot.state == SlotState::free) ++(slot.leases == 0 ? reply.free : reply.pinned);
}

constexpr std::uint16_t kFormatBits = 32;

// Slots change meanwhile; a format that makes no sense is left out.
std::uint32_t formats_in(const SlotTable& table) noexcept {
    std::uint32_t formats = 0;
    for (std::uint32_t slot = 0; slot < table.geometry().slot_count; ++slot) {
        const PixelFormat format = table.shape(slot).format;
        if (is_known(format)) formats |= std::uint32_t{1} << static_cast<std::uint32_t>(format);
    }
    return formats;
}

std::vector<PixelFormat> formats_of(std::uint32_t bits) {
    std::vector<PixelFormat> formats;
    for (std::uint16_t number = 0; number < kFormatBits; ++number) {
        const auto format = std::bit_cast<PixelFormat>(number);
        if ((bits >> number & 1U) != 0 && is_known(format)) formats.push_back(format);
    }
    return formats;
}

}  // namespace

LookReply describe(const Control& control, const SlotTable& table, const std::vector<HolderInfo>& holders, pid_t host) {
    const Geometry& geometry = control.geometry();
    LookReply reply{.ring_id = control.ring_id(),
                    .slot_bytes = geometry.slot_bytes,
                    .slot_count = geometry.slot_count,
                    .tap_quota = geometry.tap_quota,
                    .host = host,
                    .formats = formats_in(table)};
    for (const SlotInfo& slot : table.snapshot()) count(slot, reply);
    for (const HolderInfo& holder : holders) {
        reply.holders[reply.holder_count++] = {holder.pid, static_cast<std::uint32_t>(holder.role), holder.leases};
    }
    return reply;
}

LookCall::LookCall(std::string path) : path_(std::move(path)), connection_(connect_to(path_)) {
    const AttachRequest request{.role = static_cast<std::uint32_t>(Role::onlooker)};
    if (!try_send(connection_.get(), std::as_bytes(std::span(&request, 1)), {}))
        throw_errno("send to the ring host at " + path_);
}

bool LookCall::wait(std::chrono::nanoseconds timeout) {
    if (!wait_readable(connection_.get(), timeout)) return false;
    const auto received = try_receive(connection_.get(), std::as_writable_bytes(std::span(&reply_, 1)));
    if (!received) return false;
    if (received->bytes == 0)
        throw Error(Errc::system, "the ring host at " + path_ + " hung up without an answer; is it closing?");
    const bool sound =
        received->bytes == sizeof reply_ && reply_.magic == kLookMagic && reply_.holder_count <= reply_.holders.size();
    if (sound) return true;
    throw Error(Errc::wrong_layout,
                "what answers at " + path_ + " cannot say who holds what; run the same framehop on both sides");
}

RingLook LookCall::look() const {
    RingLook found{.ring_id = reply_.ring_id,
                   .geometry = {reply_.slot_count, reply_.tap_quota, reply_.slot_bytes},
                   .host = reply_.host,
                   .free = reply_.free,
                   .filling = reply_.filling,
                   .ready = reply_.ready,
                   .pinned = reply_.pinned,
                   .formats = formats_of(reply_.formats),
                   .holders = {}};
    for (std::uint32_t i = 0; i < reply_.holder_count; ++i) {
        const LookReply::Holder& holder = reply_.holders[i];
        found.holders.push_back(
            {.index = i, .pid = holder.pid, .role = static_cast<Role>(holder.role), .leases = holder.leases});
    }
    return found;
}

}  // namespace framehop::shm
