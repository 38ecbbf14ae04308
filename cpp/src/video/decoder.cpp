#include "framehop/video/decoder.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "av.hpp"

namespace framehop::video {
namespace {

using codec::AccessUnit;
using codec::VideoCodec;

// More pictures than a stream may hold back and reorder (16, H.264 A.3.1), with fields counted singly. A picture that
// is older and was not shown never will be.
constexpr std::size_t kMostHeld = 32;

constexpr char kAfterDamage[] = "a picture that it needs could not be decoded; the next key frame heals it";

std::string text_of(int status) {
    char text[AV_ERROR_MAX_STRING_SIZE] = {};
    av_strerror(status, text, sizeof text);
    const std::string why = Complaints::first();
    return why.empty() ? std::string(text) : why + " (" + text + ")";
}

Outcome without_picture(std::uint64_t key, Result result) {
    return {.key = key, .result = result, .picture = {}, .error = {}, .message = {}};
}

Outcome failed(std::uint64_t key, Errc error, std::string why) {
    return {.key = key, .result = Result::failed, .picture = {}, .error = error, .message = std::move(why)};
}

// libavcodec tells a picture above the cap by its log alone.
Errc code_of(const std::string& why) {
    return why.find("exceeds specified max pixel count") != std::string::npos ? Errc::picture_too_large
                                                                              : Errc::corrupt_picture;
}

bool is_whole(const AVFrame& frame) noexcept {
    return (frame.flags & AV_FRAME_FLAG_CORRUPT) == 0 && frame.decode_error_flags == 0;
}

}  // namespace

// The decoder of libavcodec, without threads, and the memory that it took for the unit at hand.
class StreamDecoder::Context {
  public:
    Context(VideoCodec codec, std::uint64_t max_pixels) : packet_(owned<PacketPtr>(av_packet_alloc())) {
        Complaints::listen();
        const AVCodec* found = avcodec_find_decoder(codec == VideoCodec::h264 ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC);
        if (found == nullptr) throw Error(Errc::unsupported_picture, "this libavcodec has no decoder for the stream");
        context_ = owned<ContextPtr>(avcodec_alloc_context3(found));
        context_->thread_count = 1;
        context_->max_pixels = static_cast<std::int64_t>(max_pixels);
        context_->opaque = this;
        context_->get_buffer2 = &note_buffer;
        const int status = avcodec_open2(context_.get(), found, nullptr);
        if (status < 0) throw Error(Errc::system, "libavcodec cannot open its decoder: " + text_of(status));
    }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() = default;

    // Returns libavcodec's status. `begun_within`: see Complaints. It would take each complaint for an error, so
    // whoever calls looks at those that are left.
    int decode(Bytes unit, std::uint64_t key, bool begun_within) {
        buffers_.clear();
        shown_.clear();
        Complaints::forget(begun_within);
        context_->err_recognition = AV_EF_CRCCHECK | (begun_within ? 0 : AV_EF_EXPLODE);
        fill(unit, key);
        const int sent = avcodec_send_packet(context_.get(), packet_.get());
        av_packet_unref(packet_.get());
        const int received = receive();
        return sent < 0 ? sent : received;
    }

    // The pictures that were begun by the last decode(): the unit's own, and those that stand in for missing ones.
    [[nodiscard]] const std::vector<FramePtr>& buffers() const noexcept { return buffers_; }
    // The unit's own one. H.264 fills gaps in the numbers of its pictures first; H.265 looks for the references of a
    // picture that it has begun.
    [[nodiscard]] const AVFrame& own() const noexcept {
        return *(context_->codec_id == AV_CODEC_ID_H264 ? buffers_.back() : buffers_.front());
    }
    // The pictures whose turn on the screen came with it.
    [[nodiscard]] const std::vector<FramePtr>& shown() const noexcept { return shown_; }

    void flush() noexcept { avcodec_flush_buffers(context_.get()); }

  private:
    void fill(Bytes unit, std::uint64_t key) {
        if (unit.size() > std::numeric_limits<int>::max() / 2) throw Error(Errc::corrupt_picture, "too many bytes");
        if (av_new_packet(packet_.get(), static_cast<int>(unit.size())) < 0) {
            throw Error(Errc::no_memory, "no memory for an access unit of " + std::to_string(unit.size()) + " bytes");
        }
        std::memcpy(packet_->data, unit.data(), unit.size());
        packet_->pts = static_cast<std::int64_t>(key);  // comes back with the unit's picture, unchanged
    }

    int receive() {
        for (;;) {
            auto frame = owned<FramePtr>(av_frame_alloc());
            const int status = avcodec_receive_frame(context_.get(), frame.get());
            if (status < 0) return status == AVERROR(EAGAIN) ? 0 : status;
            shown_.push_back(std::move(frame));
        }
    }

    // Keeps a reference to the pixels. libavcodec catches nothing, so nothing may be thrown here.
    static int note_buffer(AVCodecContext* context, AVFrame* frame, int flags) {
        const int status = avcodec_default_get_buffer2(context, frame, flags);
        if (status < 0) return status;
        FramePtr own(av_frame_clone(frame));
        if (!own) return AVERROR(ENOMEM);
        own->width = context->width;  // what is shown; the memory has whole blocks
        own->height = context->height;
        try {
            static_cast<Context*>(context->opaque)->buffers_.push_back(std::move(own));
        } catch (const std::bad_alloc&) {
            return AVERROR(ENOMEM);
        }
        return 0;
    }

    PacketPtr packet_;
    std::vector<FramePtr> buffers_;
    std::vector<FramePtr> shown_;
    ContextPtr context_;  // last, so that it ends first
};

StreamDecoder::StreamDecoder(VideoCodec codec, std::uint64_t max_pixels) : codec_(codec) {
    if (max_pixels == 0 || max_pixels > std::numeric_limits<std::int64_t>::max()) {
        throw Error(Errc::invalid_argument, "max_pixels must be 1 or more");
    }
    context_ = std::make_unique<Context>(codec, max_pixels);
}

StreamDecoder::~StreamDecoder() = default;

std::size_t StreamDecoder::held() const noexcept { return held_.size(); }

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
    if (facts.keyframe) begin(facts, shown_at, outcomes);
    if (!begun_ || !broken_.empty() || !facts.has_picture) return refuse(facts, key, outcomes);
    if (shown_at < first_shown_at_) return pass_over(unit, key, outcomes);
    held_.push_back({key, nullptr});
    judge(facts, key, context_->decode(unit, key, begun_within_), outcomes);
    for (const FramePtr& frame : context_->shown()) take_shown(*frame, outcomes);
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
    context_->decode(unit, key, begun_within_);
    for (const FramePtr& frame : context_->shown()) take_shown(*frame, outcomes);
    outcomes.push_back(without_picture(key, Result::no_keyframe));
}

// Says what became of the unit at hand, if that is known without its picture being shown.
void StreamDecoder::judge(const AccessUnit& facts, std::uint64_t key, int status, std::vector<Outcome>& outcomes) {
    if (status == AVERROR(ENOMEM)) throw Error(Errc::no_memory, "no memory to decode a picture");
    const std::string why = complaint_of(status, facts);
    if (!why.empty()) {
        if (facts.reference) broken_ = kAfterDamage;
        settle(key, failed(key, code_of(why), why), outcomes);
    } else if (context_->buffers().empty()) {
        settle(key, without_picture(key, Result::not_shown), outcomes);
    } else {
        held_.back().own = std::make_unique<Picture>(context_->own());
    }
}

// Why the unit at hand could not be decoded; empty when it could.
std::string StreamDecoder::complaint_of(int status, const AccessUnit& facts) const {
    if (status < 0) return text_of(status);
    // libavcodec drops some damaged pictures without an error. A second field has no memory of its own either.
    if (context_->buffers().empty() || begun_within_) {
        if (std::string why = Complaints::first(); !why.empty()) return why;
    }
    if (context_->buffers().size() > 1 && !facts.keyframe) return "a picture that it needs is missing";
    return "";
}

void StreamDecoder::take_shown(const AVFrame& frame, std::vector<Outcome>& outcomes) {
    const auto key = static_cast<std::uint64_t>(frame.pts);
    forget_unshown(key, outcomes);
    if (is_whole(frame)) {
        settle(key, {.key = key, .result = Result::decoded, .picture = Picture(frame), .error = {}, .message = {}},
               outcomes);
    } else {
        settle(key, failed(key, Errc::corrupt_picture, "parts of the picture are damaged or missing"), outcomes);
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
        Outcome& outcome = outcomes.emplace_back(without_picture(held.key, Result::decoded));
        outcome.picture = std::move(*held.own);
    }
    held_.clear();
}

}  // namespace framehop::video
