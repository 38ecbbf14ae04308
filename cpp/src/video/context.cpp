#include "context.hpp"

#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace framehop::video {
namespace {

// Units that are larger are rare, and their memory is not kept until the next one comes, which may be long.
constexpr std::size_t kKeptBytes = 256 << 10;

// Leaves of a picture what is shown, as libavcodec does with those that it gives: the memory has whole blocks, and a
// stream may begin anywhere in them. Its H.265 decoder says where only later, and is taken to begin at the top left.
int crop(AVFrame& own, int width, int height) noexcept {
    const bool said = std::cmp_equal(own.width - width, own.crop_left + own.crop_right) &&
                      std::cmp_equal(own.height - height, own.crop_top + own.crop_bottom);
    if (said) return av_frame_apply_cropping(&own, AV_FRAME_CROP_UNALIGNED);
    own.width = width;
    own.height = height;
    return 0;
}

}  // namespace

std::string text_of(int status) {
    char text[AV_ERROR_MAX_STRING_SIZE] = {};
    av_strerror(status, text, sizeof text);
    const std::string why = Complaints::first();
    return why.empty() ? std::string(text) : why + " (" + text + ")";
}

StreamDecoder::Context::Context(codec::VideoCodec codec, const Limits& limits)
    : packet_(owned<PacketPtr>(av_packet_alloc())), memory_(std::make_shared<PictureMemory>(limits.bytes)) {
    Complaints::listen();
    const AVCodec* found = avcodec_find_decoder(codec == codec::VideoCodec::h264 ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC);
    if (found == nullptr) throw Error(Errc::unsupported_picture, "this libavcodec has no decoder for the stream");
    context_ = owned<ContextPtr>(avcodec_alloc_context3(found));
    context_->thread_count = 1;
    context_->max_pixels = static_cast<std::int64_t>(limits.pixels);
    context_->flags |= AV_CODEC_FLAG_UNALIGNED;  // else it crops on the left in steps of up to 64 columns only
    // Else a picture with film grain gets a second memory, which take_own() and buffers() take for that of another one.
    context_->export_side_data |= AV_CODEC_EXPORT_DATA_FILM_GRAIN;
    context_->opaque = this;
    context_->get_buffer2 = &note_buffer;
    const int status = avcodec_open2(context_.get(), found, nullptr);
    if (status < 0) throw Error(Errc::system, "libavcodec cannot open its decoder: " + text_of(status));
}

int StreamDecoder::Context::decode(Bytes unit, std::uint64_t key, bool begun_within) {
    keep_half();
    buffers_.clear();
    shown_.clear();
    exceeded_ = false;
    Complaints::forget(begun_within);
    context_->err_recognition = AV_EF_CRCCHECK | (begun_within ? 0 : AV_EF_EXPLODE);
    fill(unit, key);
    const int sent = avcodec_send_packet(context_.get(), packet_.get());
    av_packet_unref(packet_.get());
    if (bytes_->size > kKeptBytes) bytes_.reset();
    const int received = receive();
    coverage_.look();
    return sent < 0 ? sent : received;
}

// A second field has no memory of its own: it is decoded into that of the first one, whose marks tell what it lacks.
void StreamDecoder::Context::keep_half() noexcept {
    if (!coverage_.lacks_a_field()) {
        coverage_.forget();
        half_.reset();
    } else if (!buffers_.empty()) {
        half_ = std::move(buffers_.back());
    }
}

FramePtr StreamDecoder::Context::take_own() {
    FramePtr& own = context_->codec_id == AV_CODEC_ID_H264 ? buffers_.back() : buffers_.front();
    return is_half() ? owned<FramePtr>(av_frame_clone(own.get())) : std::move(own);
}

// Memory anew for each unit would cost more than the copy of its bytes.
void StreamDecoder::Context::make_room(std::size_t bytes) {
    const bool fits = bytes_ && bytes_->size >= bytes;
    if (fits && av_buffer_is_writable(bytes_.get()) == 1) return;
    bytes_.reset(av_buffer_alloc(bytes));
    if (!bytes_) throw Error(Errc::no_memory, "no memory for an access unit of " + std::to_string(bytes) + " bytes");
}

void StreamDecoder::Context::fill(Bytes unit, std::uint64_t key) {
    if (unit.size() > std::numeric_limits<int>::max() / 2) throw Error(Errc::corrupt_picture, "too many bytes");
    make_room(unit.size() + AV_INPUT_BUFFER_PADDING_SIZE);
    packet_->buf = owned<BufferPtr>(av_buffer_ref(bytes_.get())).release();
    packet_->data = bytes_->data;
    packet_->size = static_cast<int>(unit.size());
    std::memcpy(packet_->data, unit.data(), unit.size());
    std::memset(packet_->data + unit.size(), 0, AV_INPUT_BUFFER_PADDING_SIZE);
    packet_->pts = static_cast<std::int64_t>(key);  // comes back with the unit's picture, unchanged
}

int StreamDecoder::Context::receive() {
    for (;;) {
        if (!spare_) spare_ = owned<FramePtr>(av_frame_alloc());
        const int status = avcodec_receive_frame(context_.get(), spare_.get());
        if (status < 0) return status == AVERROR(EAGAIN) ? 0 : status;
        shown_.push_back(std::move(spare_));
    }
}

int StreamDecoder::Context::note_buffer(AVCodecContext* context, AVFrame* frame, int flags) {
    return static_cast<Context*>(context->opaque)->note(*frame, flags);
}

// Keeps a reference to the pixels. libavcodec catches nothing, so nothing may be thrown here.
int StreamDecoder::Context::note(AVFrame& frame, int flags) {
    exceeded_ = exceeded_ || !memory_->has_room_for(frame);
    if (exceeded_) return AVERROR(ENOMEM);
    int status = avcodec_default_get_buffer2(context_.get(), &frame, flags);
    if (status >= 0) status = memory_->count(frame);
    if (status < 0) return status;
    FramePtr own(av_frame_clone(&frame));
    if (!own) return AVERROR(ENOMEM);
    status = crop(*own, context_->width, context_->height);
    if (status < 0) return status;
    try {
        buffers_.push_back(std::move(own));
    } catch (const std::bad_alloc&) {
        return AVERROR(ENOMEM);
    }
    // The unit's own picture, see take_own(). Our reference keeps the memory that is marked.
    const bool is_h264 = context_->codec_id == AV_CODEC_ID_H264;
    if (is_h264 || buffers_.size() == 1) coverage_.mark(frame, is_h264 ? Lines::fields : Lines::all);
    return 0;
}

}  // namespace framehop::video
