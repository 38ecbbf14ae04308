// Reads what an access unit of H.264 or H.265 says of itself, without decoding it (ITU-T H.264 and H.265, Annex B).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

enum class VideoCodec : std::uint8_t { h264 = 1, h265 = 2 };

// More units than any camera sends for one picture: slices, parameter sets and messages together.
inline constexpr std::size_t kMaxUnits = 4096;

struct AccessUnit {
    bool has_picture = false;     // at least one slice
    bool keyframe = false;        // decoding can begin here: IDR, CRA, BLA, or a recovery point at this very picture
    bool clean = false;           // and no picture shown before it comes after it: IDR, or BLA without leading pictures
    bool reference = false;       // other pictures may need it
    bool leading = false;         // H.265: follows its key frame in the stream and precedes it on the screen
    bool parameter_sets = false;  // all kinds of sets that a decoder needs to begin

    friend bool operator==(const AccessUnit&, const AccessUnit&) = default;
};

// Throws Errc::corrupt_picture when `bytes` is no access unit in Annex B form: it does not begin with a start code,
// holds an empty or forbidden unit, or more than kMaxUnits. Reads the bytes once and allocates nothing. Thread-safe.
[[nodiscard]] AccessUnit read_access_unit(VideoCodec codec, Bytes bytes);

// The parameter sets of an access unit, each behind a start code, in their order. Errors as above. Thread-safe.
[[nodiscard]] std::vector<std::uint8_t> parameter_sets(VideoCodec codec, Bytes bytes);

}  // namespace framehop::codec
