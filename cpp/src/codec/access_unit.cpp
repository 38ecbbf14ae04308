#include "framehop/codec/access_unit.hpp"

#include <string>

#include "annexb.hpp"
#include "framehop/base/error.hpp"

namespace framehop::codec {
namespace {

constexpr std::uint32_t kRecoveryPoint = 6;  // the payload type of its SEI message, in both codecs

// The first recovery point among the messages of an SEI unit whose recovery count is 0. `body` begins behind the
// header.
bool recovers_at_once(Bytes body) noexcept {
    while (body.size() > 2) {
        std::uint32_t sizes[2] = {0, 0};  // type and size, both in bytes of 255 and a last one
        for (std::uint32_t& value : sizes) {
            while (!body.empty() && body[0] == 255) {
                value += 255;
                body = body.subspan(1);
            }
            if (body.empty()) return false;
            value += body[0];
            body = body.subspan(1);
        }
        if (sizes[0] == kRecoveryPoint) return BitReader(body).ue() == 0;
        if (sizes[1] >= body.size()) return false;
        body = body.subspan(sizes[1]);
    }
    return false;
}

// What the units seen so far say together.
struct Seen {
    AccessUnit unit;
    bool recovery = false;
    std::uint32_t sets = 0;  // a bit per kind of parameter set
};

namespace h264 {
constexpr std::uint32_t kSlice = 1, kIdr = 5, kSei = 6, kSps = 7, kPps = 8;

void note(Bytes bytes, Seen& seen) noexcept {
    const std::uint32_t type = bytes[0] & 0x1FU;
    const bool reference = (bytes[0] >> 5 & 3U) != 0;
    if (type >= kSlice && type <= kIdr) {
        seen.unit.has_picture = true;
        seen.unit.reference |= reference;
        if (type == kIdr) seen.unit.keyframe = seen.unit.clean = true;
    }
    if (type == kSei) seen.recovery |= recovers_at_once(bytes.subspan(1));
    if (type == kSps || type == kPps) seen.sets |= 1U << (type - kSps);
}
}  // namespace h264

namespace h265 {
constexpr std::uint32_t kRadlN = 6;
constexpr std::uint32_t kRaslR = 9;
constexpr std::uint32_t kLastSubLayer = 14;  // up to here, no picture of the same sub-layer needs those of even types
constexpr std::uint32_t kBlaWLp = 16;
constexpr std::uint32_t kBlaNLp = 18;
constexpr std::uint32_t kIdrWRadl = 19;
constexpr std::uint32_t kIdrNLp = 20;
constexpr std::uint32_t kLastIrap = 23;
constexpr std::uint32_t kLastSlice = 31;
constexpr std::uint32_t kVps = 32;
constexpr std::uint32_t kPps = 34;
constexpr std::uint32_t kSeiPrefix = 39;

void note(Bytes bytes, Seen& seen) noexcept {
    const std::uint32_t type = bytes[0] >> 1 & 0x3FU;
    if (type <= kLastSlice) {
        seen.unit.has_picture = true;
        seen.unit.keyframe |= type >= kBlaWLp && type <= kLastIrap;
        seen.unit.clean |= type == kIdrWRadl || type == kIdrNLp || type == kBlaNLp;
        seen.unit.leading |= type >= kRadlN && type <= kRaslR;
        seen.unit.reference |= type > kLastSubLayer || type % 2 == 1;
    }
    if (type == kSeiPrefix) seen.recovery |= recovers_at_once(bytes.subspan(2));
    if (type >= kVps && type <= kPps) seen.sets |= 1U << (type - kVps);
}
}  // namespace h265

[[noreturn]] void refuse(const std::string& why) { throw Error(Errc::corrupt_picture, "the access unit " + why); }

void check(VideoCodec codec, Bytes unit, std::size_t count) {
    const std::size_t header = codec == VideoCodec::h264 ? 1 : 2;
    if (unit.size() < header) refuse("has a unit without a header");
    if ((unit[0] & 0x80U) != 0) refuse("has a unit with the forbidden bit set");
    if (count > kMaxUnits) refuse("has more than " + std::to_string(kMaxUnits) + " units");
}

template <class Take>
void for_each_unit(VideoCodec codec, Bytes bytes, Take take) {
    UnitReader units(bytes);
    if (!units.begins_well()) refuse("does not begin with a start code: it must be in Annex B form");
    std::size_t count = 0;
    while (const std::optional<Bytes> unit = units.next()) {
        check(codec, *unit, ++count);
        take(*unit);
    }
}

bool is_parameter_set(VideoCodec codec, Bytes unit) noexcept {
    if (codec == VideoCodec::h264) return (unit[0] & 0x1FU) == h264::kSps || (unit[0] & 0x1FU) == h264::kPps;
    const std::uint32_t type = unit[0] >> 1 & 0x3FU;
    return type >= h265::kVps && type <= h265::kPps;
}

}  // namespace

AccessUnit read_access_unit(VideoCodec codec, Bytes bytes) {
    Seen seen;
    for_each_unit(codec, bytes,
                  [&](Bytes unit) { codec == VideoCodec::h264 ? h264::note(unit, seen) : h265::note(unit, seen); });
    seen.unit.keyframe |= seen.recovery && seen.unit.has_picture;
    seen.unit.parameter_sets = seen.sets == (codec == VideoCodec::h264 ? 3U : 7U);
    return seen.unit;
}

std::vector<std::uint8_t> parameter_sets(VideoCodec codec, Bytes bytes) {
    std::vector<std::uint8_t> sets;
    for_each_unit(codec, bytes, [&](Bytes unit) {
        if (!is_parameter_set(codec, unit)) return;
        sets.insert(sets.end(), {0, 0, 0, 1});
        sets.insert(sets.end(), unit.begin(), unit.end());
    });
    return sets;
}

}  // namespace framehop::codec
