// The decoder of libavcodec that a StreamDecoder drives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "av.hpp"
#include "coverage.hpp"
#include "framehop/video/decoder.hpp"
#include "memory.hpp"

namespace framehop::video {

// What libavcodec's status means, with its first complaint of this thread, if there is one.
[[nodiscard]] std::string text_of(int status);

// A decoder without threads, and the memory that it took for the unit at hand.
class StreamDecoder::Context {
  public:
    Context(codec::VideoCodec codec, const Limits& limits);
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() = default;

    // Returns libavcodec's status. `begun_within`: see Complaints; libavcodec's complaints are no errors
    // then, and the caller looks at those that are left.
    int decode(Bytes unit, std::uint64_t key, bool begun_within);

    // The pictures that were begun by the last decode(): the unit's own, and those that stand in for missing ones.
    [[nodiscard]] const std::vector<FramePtr>& buffers() const noexcept { return buffers_; }
    // Takes the unit's own one out of buffers(), which must not be empty, and shares it where it may turn out to be
    // half() of a later one. H.264 fills gaps in the numbers of its pictures first; H.265 looks for the references of a
    // picture that it has begun. Throws Errc::no_memory.
    [[nodiscard]] FramePtr take_own();
    // Whether no slice covers a part of it. libavcodec then paints over frames of H.264, and leaves fields of H.264 and
    // pictures of H.265 as they were.
    [[nodiscard]] bool is_partial() const { return Complaints::concealed() || coverage_.lacks_something(); }
    // Whether it is one field of a picture whose other one may still come. After a unit without memory of its own:
    // whether the picture before it still is one.
    [[nodiscard]] bool is_half() const noexcept { return coverage_.lacks_a_field(); }
    // Whether that field is the bottom one.
    [[nodiscard]] bool is_bottom() const noexcept { return coverage_.lacks_top(); }
    // The picture before the unit at hand, which lacked a field then.
    [[nodiscard]] const AVFrame& half() const noexcept { return *half_; }
    // The pictures whose turn on the screen came with it. They may be taken.
    [[nodiscard]] std::vector<FramePtr>& shown() noexcept { return shown_; }
    // Whether the last decode() wanted more memory than the decoder may have.
    [[nodiscard]] bool exceeded() const noexcept { return exceeded_; }
    [[nodiscard]] const PictureMemory& memory() const noexcept { return *memory_; }

    void flush() noexcept { avcodec_flush_buffers(context_.get()); }

  private:
    void keep_half() noexcept;
    void make_room(std::size_t bytes);
    void fill(Bytes unit, std::uint64_t key);
    int receive();
    static int note_buffer(AVCodecContext* context, AVFrame* frame, int flags);
    int note(AVFrame& frame, int flags);

    PacketPtr packet_;
    BufferPtr bytes_;  // of the last unit unless it was large, and of the next one if libavcodec has let go of them
    FramePtr spare_;   // for the next picture that is shown
    std::shared_ptr<PictureMemory> memory_;
    bool exceeded_ = false;
    Coverage coverage_;
    std::vector<FramePtr> buffers_;
    FramePtr half_;  // the memory of a picture that lacked a field, which stays marked
    std::vector<FramePtr> shown_;
    ContextPtr context_;  // last, so that it ends first
};

}  // namespace framehop::video
