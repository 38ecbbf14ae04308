#include "framehop/video/decoder.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "context.hpp"

namespace framehop::video {
namespace {

using codec::AccessUnit;
using codec::VideoCodec;

// More pictures than a stream may hold back and reorder (16, H.264 A.3.1), with fields counted singly. A picture that
// is older and was not shown never will be.
constexpr std::size_t kMostHeld = 32;

// What libavcodec takes for a decoder without pictures, rounded up.
constexpr std::uint64_t kOwnBytes = 1 << 20;

constexpr char kPartial[] = "parts of the picture are damaged or missing";
constexpr char kHalf[] = "one of the two fields of the picture is missing";
constexpr char kAfterDamage[] = "a picture that it needs could not be decoded; the next key frame heals it";

Outcome without_picture(std::uint64_t key, Result result) {
    return {.key = key, .result = result, .picture = {}, .error = {}, .message = {}};
}

Outcome failed(std::uint64_t key, Errc error, std::string why) {
    return {.key = key, .result = Result::failed, .picture = {}, .error = error, .message = std::move(why)};
}

// libavcodec tells by its log alone that a picture is above the cap, or above its own of 2^28 pixels.
Errc code_of(const std::string& why) {
    const bool too_large = why.find("exceeds specified max pixel count") != std::string::npos ||
                           (why.starts_with("Picture size") && why.find("is invalid") != std::string::npos);
    return too_large ? Errc::picture_too_large : Errc::corrupt_picture;
}

bool is_whole(const AVFrame& frame) noexcept {
    return (frame.flags & AV_FRAME_FLAG_CORRUPT) == 0 && frame.decode_error_flags == 0;
}

}  // namespace

StreamDecoder::StreamDecoder(VideoCodec codec, const Limits& limits) : codec_(codec) {
    if (limits.pixels == 0 || limits.pixels > std::numeric_limits<std::int64_t>::max()) {
        throw Error(Errc::invalid_argument, "max_pixels must be 1 or more");
    }
    if (limits.bytes == 0) throw Error(Errc::invalid_argument, "max_bytes must be 1 or more");
    context_ = std::make_unique<Context>(codec, limits);
}

StreamDecoder::~StreamDecoder() = default;

std::size_t StreamDecoder::held() const noexcept { return held_.size(); }

std::uint64_t StreamDecoder::bytes() const noexcept { return kOwnBytes + context_->memory().bytes(); }

void StreamDecoder::note_gap() noexcept {
    if (begun_) broken_ = "frames are missing before it; the next key frame heals it";
}

void StreamDecoder::decode(Bytes unit, std::uint64_t key, std::int64_t shown_at, std::vector<Outcome>& outcomes) {
    AccessUnit facts;
    try {
        facts = codec::read_access_unit(codec_, unit);
    } catch (const Error& error) {
        broken_ = kAfterDamage;
        outcomes.push_back(failed(key, error.code(), error.what()));
        return;
    }
    const bool hidden = codec_ == VideoCodec::h265 && hidden_.hides(unit);
    if (facts.keyframe && !may_complete_half(facts)) {
        lose_half(outcomes);
        begin(facts, shown_at, outcomes);
    }
    if (!begun_ || !broken_.empty() || !facts.has_picture) return refuse(facts, key, outcomes);
    if (shown_at < first_shown_at_) return pass_over(unit, key, outcomes);
    held_.push_back({.key = key, .shown_as = key, .own = {}});
    try {
        judge(facts, key, context_->decode(unit, key, begun_within_), hidden, outcomes);
        take_all_shown(outcomes);
    } catch (...) {
        // The unit has no outcome and perhaps no picture. What else is held back can still be taken.
        std::erase_if(held_, [key](const Held& held) { return held.key == key; });
        throw;
    }
}

// Whether a key frame may be the second field of one: some encoders say of both fields that decoding can begin there.
// An IDR picture is never a second field.
bool StreamDecoder::may_complete_half(const AccessUnit& facts) const noexcept {
    return half_ && half_->keyframe && !facts.clean && broken_.empty();
}

// After damage nothing of the old pictures is left in the decoder, which would be taken for references.
void StreamDecoder::begin(const AccessUnit& facts, std::int64_t shown_at, std::vector<Outcome>& outcomes) {
    const bool anew = !begun_ || !broken_.empty();
    if (anew) {
        take_held(outcomes);
        context_->flush();
    }
    begun_within_ = anew && !facts.clean;
    first_shown_at_ = begun_within_ ? shown_at : std::numeric_limits<std::int64_t>::min();
    begun_ = true;
    broken_.clear();
}

void StreamDecoder::refuse(const AccessUnit& facts, std::uint64_t key, std::vector<Outcome>& outcomes) {
    if (!facts.has_picture) {
        broken_ = kAfterDamage;
        outcomes.push_back(failed(key, Errc::corrupt_picture, "the access unit holds no slice of a picture"));
    } else if (begun_ && !broken_.empty()) {
        outcomes.push_back(failed(key, Errc::corrupt_picture, broken_));
    } else {
        outcomes.push_back(without_picture(key, Result::no_keyframe));
    }
}

// A leading picture without its references. The decoder gets it all the same, or it would miss its number in the
// stream.
void StreamDecoder::pass_over(Bytes unit, std::uint64_t key, std::vector<Outcome>& outcomes) {
    lose_half(outcomes);
    context_->decode(unit, key, begun_within_);
    take_all_shown(outcomes);
    outcomes.push_back(without_picture(key, Result::no_keyframe));
}

// Says what became of the unit at hand, if that is known without its picture being shown.
void StreamDecoder::judge(const AccessUnit& facts, std::uint64_t key, int status, bool hidden,
                          std::vector<Outcome>& outcomes) {
    if (context_->exceeded()) return exceed(key, outcomes);
    if (status == AVERROR(ENOMEM)) throw Error(Errc::no_memory, "no memory to decode a picture");
    std::string why = complaint_of(status, facts);
    if (half_ && why.empty() && context_->buffers().empty() && !context_->is_half()) {
        if (!is_astray()) return complete_half(key, outcomes);
        why = kHalf;
    }
    lose_half(outcomes);
    if (why.empty()) why = broken_;
    if (!why.empty()) {
        if (facts.reference) broken_ = kAfterDamage;
        settle(key, failed(key, code_of(why), why), outcomes);
    } else if (hidden || context_->buffers().empty()) {
        settle(key, without_picture(key, Result::not_shown), outcomes);
    } else {
        held_.back().own.emplace(context_->take_own());
        if (context_->is_half()) {
            half_ = {.key = key,
                     .reference = facts.reference,
                     .keyframe = facts.keyframe,
                     .bottom = context_->is_bottom(),
                     .shown = false};
        }
    }
}

// Takes the unit at hand for the second field of the picture before it. The picture is the second one's, as there is
// none before it: who has to answer the first one earlier, as when the stream stalls in between, says nothing false.
void StreamDecoder::complete_half(std::uint64_t key, std::vector<Outcome>& outcomes) {
    fields_apart_ = true;
    if (half_->reference) bottom_first_ = half_->bottom;
    held_.back().own.emplace(context_->half());
    held_.back().shown_as = half_->key;
    settle(half_->key, half_outcome(), outcomes);
    if (half_->shown) {
        Outcome whole = without_picture(key, Result::decoded);
        whole.picture = std::move(*held_.back().own);
        settle(key, std::move(whole), outcomes);
    }
    half_.reset();
}

// Whether the field before the unit at hand is a second one whose first one was lost. Pictures that no other needs have
// one number, so libavcodec takes it and the next picture's first field for a pair; only the order of fields tells.
bool StreamDecoder::is_astray() const noexcept {
    return half_ && !half_->reference && bottom_first_ && *bottom_first_ != half_->bottom;
}

// The outcome of a field whose other one has not come.
Outcome StreamDecoder::half_outcome() const {
    return fields_apart_ ? without_picture(half_->key, Result::not_shown)
                         : failed(half_->key, Errc::corrupt_picture, kHalf);
}

// Gives up a picture whose second field has not come. The lines of that field are those of an older picture.
void StreamDecoder::lose_half(std::vector<Outcome>& outcomes) {
    if (!half_) return;
    if (half_->reference) broken_ = kAfterDamage;
    settle(half_->key, failed(half_->key, Errc::corrupt_picture, kHalf), outcomes);
    half_.reset();
}

void StreamDecoder::exceed(std::uint64_t key, std::vector<Outcome>& outcomes) {
    broken_ = kAfterDamage;
    settle(key,
           failed(key, Errc::picture_too_large,
                  "its decoder would keep more pictures than fit into the " +
                      std::to_string(context_->memory().limit() >> 20) + " MiB that it may have"),
           outcomes);
}

// Why the unit at hand could not be decoded; empty when it could.
std::string StreamDecoder::complaint_of(int status, const AccessUnit& facts) const {
    if (status < 0) return text_of(status);
    // libavcodec drops some damaged pictures without an error. A second field has no memory of its own either.
    if (context_->buffers().empty() || begun_within_) {
        if (std::string why = Complaints::first(); !why.empty()) return why;
    }
    if (context_->buffers().size() > 1 && !facts.keyframe) return "a picture that it needs is missing";
    if (context_->is_partial()) return kPartial;
    return "";
}

void StreamDecoder::take_all_shown(std::vector<Outcome>& outcomes) {
    for (FramePtr& frame : context_->shown()) take_shown(std::move(frame), outcomes);
}

void StreamDecoder::take_shown(FramePtr frame, std::vector<Outcome>& outcomes) {
    const auto shown_as = static_cast<std::uint64_t>(frame->pts);
    // After several lone fields libavcodec waits for no second one before it shows the first one, with its lines twice.
    // The second one may come all the same, and the picture be good to refer to.
    if (half_ && half_->key == shown_as) {
        half_->shown = true;
        return settle(shown_as, half_outcome(), outcomes);
    }
    const auto found = std::ranges::find(held_, shown_as, &Held::shown_as);
    if (found == held_.end()) return;
    const std::uint64_t key = found->key;
    forget_unshown(key, outcomes);
    if (is_whole(*frame)) {
        Outcome whole = without_picture(key, Result::decoded);
        whole.picture.emplace(std::move(frame));
        settle(key, std::move(whole), outcomes);
    } else {
        settle(key, failed(key, Errc::corrupt_picture, kPartial), outcomes);
    }
}

// Appends the outcome unless the unit has one already.
void StreamDecoder::settle(std::uint64_t key, Outcome&& outcome, std::vector<Outcome>& outcomes) {
    const auto found = std::ranges::find(held_, key, &Held::key);
    if (found == held_.end()) return;
    held_.erase(found);
    outcomes.push_back(std::move(outcome));
}

// Gives up the units that are too far behind the one shown now.
void StreamDecoder::forget_unshown(std::uint64_t shown, std::vector<Outcome>& outcomes) {
    const auto found = std::ranges::find(held_, shown, &Held::key);
    const auto place = static_cast<std::size_t>(found - held_.begin());
    if (found == held_.end() || place <= kMostHeld) return;
    for (std::size_t k = place - kMostHeld; k > 0; --k) {
        outcomes.push_back(without_picture(held_.front().key, Result::not_shown));
        held_.pop_front();
    }
}

void StreamDecoder::take_held(std::vector<Outcome>& outcomes) {
    for (Held& held : held_) {
        if (half_ && half_->key == held.key) {
            outcomes.push_back(half_outcome());
            continue;
        }
        Outcome& outcome = outcomes.emplace_back(without_picture(held.key, Result::decoded));
        outcome.picture = std::move(*held.own);
    }
    held_.clear();
}

}  // namespace framehop::video
