// Any bytes are an access unit or a corrupt picture, and what is said of them agrees with itself.
#include "framehop/codec/access_unit.hpp"

#include <cstdlib>

#include "framehop/base/error.hpp"

namespace {

using framehop::codec::AccessUnit;
using framehop::codec::Bytes;
using framehop::codec::VideoCodec;

void check(bool holds) {
    if (!holds) std::abort();
}

void read(VideoCodec codec, Bytes bytes) {
    try {
        const AccessUnit unit = framehop::codec::read_access_unit(codec, bytes);
        check(unit.has_picture || !(unit.keyframe || unit.clean || unit.reference || unit.leading));
        check(unit.keyframe || !unit.clean);
        const std::vector<std::uint8_t> sets = framehop::codec::parameter_sets(codec, bytes);
        check(sets.empty() ? !unit.parameter_sets : framehop::codec::parameter_sets(codec, sets) == sets);
    } catch (const framehop::Error& error) {
        check(error.code() == framehop::Errc::corrupt_picture);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    for (const VideoCodec codec : {VideoCodec::h264, VideoCodec::h265}) read(codec, Bytes(data, size));
    return 0;
}
