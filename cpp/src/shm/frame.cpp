#include "framehop/shm/frame.hpp"

#include "framehop/base/error.hpp"

namespace framehop::shm {

void check(const FrameTag& tag) {
    if (tag.stream.empty() || tag.stream.size() > kMaxStreamBytes) {
        throw Error(Errc::invalid_argument,
                    "a stream id has 1 to 128 bytes of UTF-8, not " + std::to_string(tag.stream.size()));
    }
    if (tag.epoch < 0 || tag.seq < 0 || tag.partition < 0) {
        throw Error(Errc::invalid_argument, "epoch, seq and partition of a frame are 0 or more");
    }
}

bool fits(const PictureShape& shape, std::uint64_t slot_bytes) noexcept {
    if (!is_sound(shape.format, shape.width, shape.height, shape.stride)) return false;
    return row_count(shape.format, shape.height) <= slot_bytes / shape.stride;
}

}  // namespace framehop::shm
