// Decodes H.264 and H.265 by libavcodec: one decoder per stream, each access unit's own picture under the unit's own
// key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/base/image_view.hpp"
#include "framehop/codec/access_unit.hpp"
#include "framehop/codec/hidden_pictures.hpp"
#include "framehop/codec/jpeg.hpp"
#include "framehop/codec/orientation.hpp"

struct AVFrame;

namespace framehop::video {

using codec::Bytes;
using codec::Size;

// A decoded picture in libavcodec's memory. Move-only; one thread at a time, not tied to its decoder's thread or life.
class Picture {
  public:
    struct Free {
        void operator()(AVFrame* frame) const noexcept;
    };
    using Frame = std::unique_ptr<AVFrame, Free>;

    explicit Picture(const AVFrame& frame);  // shares the frame's pixels; throws Errc::no_memory
    explicit Picture(Frame frame) noexcept : frame_(std::move(frame)) {}  // not null
    Picture(Picture&&) noexcept = default;
    Picture& operator=(Picture&&) noexcept = default;
    Picture(const Picture&) = delete;
    Picture& operator=(const Picture&) = delete;
    ~Picture() = default;

    // The shown pixels, as stored: not turned.
    [[nodiscard]] Size size() const noexcept;

    // Converts to RGB at the view's size, which may be smaller (bilinear, as image::Preprocessor does; rows without
    // padding then), and turns it upright. Colours follow the stream's own
    // description; where it has none, BT.709 from 1280 columns or 577 rows on, else BT.601, as players do. Throws
    // Errc::unsupported_picture for pixels that cannot be converted, no_memory, invalid_argument for padded rows.
    void write(codec::Orientation orientation, const ImageView& view) const;

  private:
    Frame frame_;
};

enum class Result : std::uint8_t {
    decoded,
    failed,       // damaged, or it needs a picture that is
    no_keyframe,  // it came before the first key frame, in the stream or on the screen
    not_shown,    // the unit has no picture of its own: the stream hides it, or it is the first field of one
};

// The fate of one access unit. `picture`: only when decoded. `error`, `message`: only when failed.
struct Outcome {
    std::uint64_t key = 0;
    Result result = Result::not_shown;
    std::optional<Picture> picture;
    std::optional<Errc> error;
    std::string message;
};

// What a decoder may take. `pixels`: of a picture as encoded. `bytes`: of all pictures that it keeps at a time, its own
// and those that it has given.
struct Limits {
    std::uint64_t pixels = codec::kDefaultMaxPixels;
    std::uint64_t bytes = std::uint64_t{1} << 30;
};

// Turns the access units of one stream, in the order of the stream, into outcomes, one per unit, in any order. Uses no
// threads of its own. Not thread-safe, but any thread may call it.
class StreamDecoder {
  public:
    // Throws Errc::unsupported_picture when this libavcodec lacks the codec, no_memory, invalid_argument for a limit of
    // 0.
    StreamDecoder(codec::VideoCodec codec, const Limits& limits);
    StreamDecoder(const StreamDecoder&) = delete;
    StreamDecoder& operator=(const StreamDecoder&) = delete;
    ~StreamDecoder();

    // Decodes one access unit. `key`: any number that no other unit of this stream has. `shown_at`: its time on any
    // clock that follows the order on the screen. Appends the outcomes that are known now; a picture that a later unit
    // may still overtake is held back. Once a unit has failed, all that may need its picture fail, until the next key
    // frame: no grey or smeared picture is ever passed off as real. Throws Errc::no_memory and system, which are no
    // fault of the bytes: the unit has no outcome and may be decoded again by a new decoder.
    void decode(Bytes unit, std::uint64_t key, std::int64_t shown_at, std::vector<Outcome>& outcomes);

    // Appends the outcomes of all units that were held back, as of a camera that has stalled. Decoding goes on
    // afterwards as if nothing had been taken. Where the fields of pictures come as units of their own, a first field
    // has none, and the picture is its second one's, which is yet to come.
    void take_held(std::vector<Outcome>& outcomes);

    // Units whose outcome is held back.
    [[nodiscard]] std::size_t held() const noexcept;

    // The memory that it takes at most since the size of its pictures changed last.
    [[nodiscard]] std::uint64_t bytes() const noexcept;

    // Notes that units are missing before the next one, so that what may need them fails until the next key frame.
    void note_gap() noexcept;

  private:
    class Context;

    struct Held {
        std::uint64_t key;
        std::uint64_t shown_as;      // the key under which libavcodec shows it: of two fields the first one's
        std::optional<Picture> own;  // its pixels, complete, though libavcodec has not judged them yet
    };

    // A picture of which one field has come so far. `shown`: libavcodec has not waited for the other one.
    struct Half {
        std::uint64_t key;
        bool reference;
        bool keyframe;
        bool bottom;
        bool shown;
    };

    [[nodiscard]] bool is_astray() const noexcept;
    [[nodiscard]] bool may_complete_half(const codec::AccessUnit& facts) const noexcept;
    void begin(const codec::AccessUnit& facts, std::int64_t shown_at, std::vector<Outcome>& outcomes);
    void refuse(const codec::AccessUnit& facts, std::uint64_t key, std::vector<Outcome>& outcomes);
    void pass_over(Bytes unit, std::uint64_t key, std::vector<Outcome>& outcomes);
    [[nodiscard]] std::string complaint_of(int status, const codec::AccessUnit& facts) const;
    void judge(const codec::AccessUnit& facts, std::uint64_t key, int status, bool hidden,
               std::vector<Outcome>& outcomes);
    void exceed(std::uint64_t key, std::vector<Outcome>& outcomes);
    void lose_half(std::vector<Outcome>& outcomes);
    void complete_half(std::uint64_t key, std::vector<Outcome>& outcomes);
    [[nodiscard]] Outcome half_outcome() const;
    void take_all_shown(std::vector<Outcome>& outcomes);
    void take_shown(Picture::Frame frame, std::vector<Outcome>& outcomes);
    void settle(std::uint64_t key, Outcome&& outcome, std::vector<Outcome>& outcomes);
    void forget_unshown(std::uint64_t shown, std::vector<Outcome>& outcomes);

    std::unique_ptr<Context> context_;
    codec::VideoCodec codec_;
    codec::HiddenPictures hidden_;
    std::deque<Held> held_;             // in the order of the stream
    std::optional<Half> half_;          // the last picture, if the next unit may be its second field
    bool fields_apart_ = false;         // a second field has come as a unit of its own
    std::optional<bool> bottom_first_;  // whether of such pictures the bottom field comes first
    bool begun_ = false;                // a key frame was decoded
    std::string broken_;                // why pictures fail until the next key frame; empty when they do not
    bool begun_within_ = false;         // since a key frame that pictures before it reach across
    std::int64_t first_shown_at_ = 0;   // pictures before it on the screen lack their references
};

}  // namespace framehop::video
