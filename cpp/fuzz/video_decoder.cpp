// Any units, in any order and number, have one outcome each, and a decoder never takes more memory than it may.
//
// The input: a byte of options, then units, each behind its length in two bytes. Options: bit 0 H.265, bit 1 pictures
// held back are taken after each unit, bit 2 a gap is noted before each third one.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/video/decoder.hpp"

namespace {

using framehop::codec::Bytes;
using framehop::codec::VideoCodec;
using framehop::video::Limits;
using framehop::video::Outcome;
using framehop::video::Result;
using framehop::video::StreamDecoder;

constexpr Limits kLimits{.pixels = 1 << 16, .bytes = std::uint64_t{8} << 20};
constexpr std::size_t kMostUnits = 64;
constexpr std::uint32_t kSide = 16;

void check(bool holds) {
    if (!holds) std::abort();
}

void look_at(const Outcome& outcome) {
    check(outcome.picture.has_value() == (outcome.result == Result::decoded));
    check(outcome.error.has_value() == (outcome.result == Result::failed));
    if (!outcome.picture) return;
    const framehop::codec::Size size = outcome.picture->size();
    check(std::uint64_t{size.width} * size.height <= kLimits.pixels);
    std::vector<std::uint8_t> pixels(std::size_t{3} * kSide * kSide);
    try {
        outcome.picture->write(framehop::codec::Orientation::quarter_turn,
                               {pixels.data(), kSide, kSide, kSide * 3, framehop::PixelFormat::rgb8});
    } catch (const framehop::Error& error) {
        check(error.code() == framehop::Errc::unsupported_picture);
    }
}

class Run {
  public:
    Run(VideoCodec codec, unsigned options) : decoder_(codec, kLimits), options_(options) {}

    void take(Bytes unit) {
        if ((options_ & 4U) != 0 && fed_ % 3 == 2) decoder_.note_gap();
        decoder_.decode(unit, fed_, static_cast<std::int64_t>(fed_), outcomes_);
        ++fed_;
        if ((options_ & 2U) != 0) decoder_.take_held(outcomes_);
        check(decoder_.bytes() <= kLimits.bytes + (1 << 20));
    }

    void end() {
        decoder_.take_held(outcomes_);
        check(decoder_.held() == 0);
        std::set<std::uint64_t> seen;
        for (const Outcome& outcome : outcomes_) {
            check(outcome.key < fed_ && seen.insert(outcome.key).second);
            look_at(outcome);
        }
        check(seen.size() == fed_);
    }

  private:
    StreamDecoder decoder_;
    unsigned options_;
    std::uint64_t fed_ = 0;
    std::vector<Outcome> outcomes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes rest(data, size);
    if (rest.empty()) return 0;
    Run run((rest[0] & 1U) != 0 ? VideoCodec::h265 : VideoCodec::h264, rest[0]);
    rest = rest.subspan(1);
    for (std::size_t count = 0; rest.size() >= 2 && count < kMostUnits; ++count) {
        const std::size_t length = std::min<std::size_t>(rest[0] * 256U + rest[1], rest.size() - 2);
        run.take(rest.subspan(2, length));
        rest = rest.subspan(2 + length);
    }
    run.end();
    return 0;
}
