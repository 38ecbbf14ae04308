// libavcodec's C interface, and owners for what it hands out.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "framehop/base/error.hpp"
#include "framehop/video/decoder.hpp"

namespace framehop::video {

struct FreeBuffer {
    void operator()(AVBufferRef* buffer) const noexcept { av_buffer_unref(&buffer); }
};
struct FreePacket {
    void operator()(AVPacket* packet) const noexcept { av_packet_free(&packet); }
};
struct FreeContext {
    void operator()(AVCodecContext* context) const noexcept { avcodec_free_context(&context); }
};
struct FreeScaler {
    void operator()(SwsContext* scaler) const noexcept { sws_freeContext(scaler); }
};
using BufferPtr = std::unique_ptr<AVBufferRef, FreeBuffer>;
using FramePtr = Picture::Frame;
using PacketPtr = std::unique_ptr<AVPacket, FreePacket>;
using ContextPtr = std::unique_ptr<AVCodecContext, FreeContext>;
using ScalerPtr = std::unique_ptr<SwsContext, FreeScaler>;

// Returns `made`, or throws Errc::no_memory.
template <class Owner, class Made>
Owner owned(Made* made) {
    if (made == nullptr) throw Error(Errc::no_memory, "no memory for a video decoder");
    return Owner(made);
}

// libavcodec gives its reasons to a log only. Keeps it from standard error, and remembers each thread's first
// complaint, which is the cause of the others.
class Complaints {
  public:
    static void listen();  // from the first call on; thread-safe
    // Before a new piece of work of this thread. `begun_within`: it follows a key frame whose past the decoder has not
    // seen, so orders to drop pictures of that past are no complaint.
    static void forget(bool begun_within = false) noexcept;
    static std::string first();  // without the line's end; empty when there is none
    // Whether parts of a picture of H.264 were painted over, for want of their slices. That is said by the way, and in
    // the flags of the picture once it is shown: too late for those that refer to it.
    static bool concealed() noexcept;
};

}  // namespace framehop::video
