// Any bytes are a message between hosts or none, and what they are parsed to is in range and makes the same bytes
// again. A picture's planes lie within its payload.
#include <algorithm>
#include <cstdlib>

#include "framehop/base/image_view.hpp"
#include "framehop/wire/frames.hpp"

namespace {

using namespace framehop;

void check(bool holds) {
    if (!holds) std::abort();
}

bool same(wire::Bytes one, const std::vector<std::uint8_t>& other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end());
}

void check_planes(const wire::FrameHeader& header) {
    static const std::uint8_t nowhere = 0;
    const ConstImageView view{&nowhere, header.width, header.height, header.stride, wire::format_of(header.encoding)};
    check(view.size_bytes() == header.payload_bytes);
    for (const auto& plane : planes_of(view)) {
        const auto offset = reinterpret_cast<std::uintptr_t>(plane.data) - reinterpret_cast<std::uintptr_t>(&nowhere);
        check(std::uint64_t{plane.width} * plane.channels <= plane.stride);
        check(offset + std::uint64_t{plane.stride} * plane.height <= header.payload_bytes);
    }
}

// The sizes of the other parts are what the header claims, as any sender may make them.
void read_frame(wire::Bytes message) {
    wire::FrameHeader claimed;
    if (message.size() < sizeof claimed) return;
    std::copy_n(message.data(), sizeof claimed, reinterpret_cast<std::uint8_t*>(&claimed));
    const auto parsed = wire::parse_frame(message, claimed.payload_bytes, claimed.note_bytes);
    if (!parsed) return;
    check(parsed->header.payload_bytes <= wire::kMaxPayload && parsed->header.note_bytes <= wire::kMaxNote);
    check(same(message, wire::serialise_frame(parsed->header, parsed->stream)));
    if (parsed->header.encoding != wire::Encoding::jpeg) check_planes(parsed->header);
}

void read(wire::Bytes message) {
    if (const auto parsed = wire::parse_want(message)) {
        check(parsed->want.credits >= 1 && parsed->want.credits <= wire::kMaxFrameCredits);
        check(same(message, wire::serialise_want(parsed->want, parsed->stream)));
    }
    if (const auto welcome = wire::parse_frame_welcome(message)) {
        check(same(message, wire::serialise_frame_welcome(welcome->session)));
    }
    read_frame(message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    read({data, size});
    return 0;
}
