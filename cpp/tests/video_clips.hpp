// Clips for the tests of video, made by the encoders of the system's libavcodec.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/dict.h>
#include <libavutil/opt.h>
}

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framehop/codec/access_unit.hpp"

namespace framehop::video::testing {

using Buffer = std::vector<std::uint8_t>;

struct ClipOptions {
    codec::VideoCodec codec = codec::VideoCodec::h264;
    int width = 160;
    int height = 96;
    int frames = 30;
    std::string params = "keyint=10:min-keyint=10:scenecut=0:bframes=0";  // as x264 and x265 have them
    bool full_range = false;
};

// Frame k is grey with a bright bar at the columns 4k to 4k + 8, so that each picture says which it is.
inline void paint_frame(AVFrame& frame, int k) {
    for (int y = 0; y < frame.height; ++y) {
        for (int x = 0; x < frame.width; ++x) {
            const int bar = (4 * k) % (frame.width - 8);
            frame.data[0][y * frame.linesize[0] + x] = x >= bar && x < bar + 8 ? 220 : 60;
        }
    }
    for (int plane = 1; plane < 3; ++plane) {
        for (int y = 0; y < frame.height / 2; ++y) {
            for (int x = 0; x < frame.width / 2; ++x) frame.data[plane][y * frame.linesize[plane] + x] = 128;
        }
    }
}

// The clip's access units in the order of the stream, parameter sets in front of every key frame.
class Clip {
  public:
    explicit Clip(const ClipOptions& options) : options_(options) {
        const bool h264 = options.codec == codec::VideoCodec::h264;
        const AVCodec* found = avcodec_find_encoder_by_name(h264 ? "libx264" : "libx265");
        if (found == nullptr) throw std::runtime_error("these tests need libavcodec with libx264 and libx265");
        AVCodecContext* context = avcodec_alloc_context3(found);
        context->width = options.width;
        context->height = options.height;
        context->pix_fmt = AV_PIX_FMT_YUV420P;
        context->color_range = options.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
        context->time_base = {1, 25};
        context->thread_count = 1;
        const std::string params = options.params + (h264 ? "" : ":log-level=none:repeat-headers=1:pools=none");
        av_opt_set(context->priv_data, h264 ? "x264-params" : "x265-params", params.c_str(), 0);
        av_opt_set(context->priv_data, "preset", "ultrafast", 0);
        if (avcodec_open2(context, found, nullptr) < 0) throw std::runtime_error("cannot encode: " + params);
        AVFrame* frame = av_frame_alloc();
        frame->format = context->pix_fmt;
        frame->width = options.width;
        frame->height = options.height;
        av_frame_get_buffer(frame, 0);
        for (int k = 0; k < options.frames; ++k) {
            av_frame_make_writable(frame);
            paint_frame(*frame, k);
            frame->pts = k;
            avcodec_send_frame(context, frame);
            collect(context);
        }
        avcodec_send_frame(context, nullptr);
        collect(context);
        av_frame_free(&frame);
        avcodec_free_context(&context);
    }

    [[nodiscard]] const std::vector<Buffer>& units() const { return units_; }
    // Which frame, counted as painted, each unit is.
    [[nodiscard]] const std::vector<int>& frames() const { return frames_; }
    [[nodiscard]] const ClipOptions& options() const { return options_; }

  private:
    void collect(AVCodecContext* context) {
        AVPacket* packet = av_packet_alloc();
        while (avcodec_receive_packet(context, packet) == 0) {
            units_.emplace_back(packet->data, packet->data + packet->size);
            frames_.push_back(static_cast<int>(packet->pts));
            av_packet_unref(packet);
        }
        av_packet_free(&packet);
    }

    ClipOptions options_;
    std::vector<Buffer> units_;
    std::vector<int> frames_;
};

}  // namespace framehop::video::testing
