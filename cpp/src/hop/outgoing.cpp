#include "outgoing.hpp"

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

namespace framehop::hop {
namespace {

using Owned = std::vector<std::uint8_t>;

std::int64_t wall_us() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

void own(OutgoingFrame& frame, std::shared_ptr<const Owned> bytes) noexcept {
    frame.payload = *bytes;
    frame.owner = std::move(bytes);
}

}  // namespace

wire::FrameHeader header_of(const OutgoingFrame& frame, std::uint64_t session, std::uint64_t number,
                            std::uint64_t skipped) {
    return {.session = session,
            .number = number,
            .skipped = skipped,
            .epoch = frame.tag.epoch,
            .seq = frame.tag.seq,
            .sent_us = wall_us(),
            .payload_bytes = frame.payload.size(),
            .width = frame.width,
            .height = frame.height,
            .stride = frame.stride,
            .encoding = frame.encoding,
            .note_bytes = static_cast<std::uint32_t>(std::min(frame.note.size(), wire::kMaxNote + 1))};
}

void check(const OutgoingFrame& frame) {
    constexpr std::uint64_t kAnySession = 1;
    static_cast<void>(wire::serialise_frame(header_of(frame, kAnySession, 0, 0), frame.tag.stream));
}

const OutgoingFrame& Outgoing::ready() {
    if (!encode_) return frame_;
    const ConstImageView pixels{frame_.payload.data(), frame_.width, frame_.height, frame_.stride,
                                wire::format_of(frame_.encoding)};
    own(frame_, std::make_shared<const Owned>(encode_(pixels)));
    frame_.encoding = wire::Encoding::jpeg;
    frame_.stride = 0;
    encode_ = nullptr;
    return frame_;
}

void Outgoing::move_out() {
    if (!encode_) return;
    own(frame_, std::make_shared<const Owned>(frame_.payload.begin(), frame_.payload.end()));
}

}  // namespace framehop::hop
