// Reading and writing the cells of a slot that others may look at meanwhile.
#pragma once

#include <optional>

#include "framehop/shm/layout.hpp"

namespace framehop::shm {

// Writes `tag` for this use of the slot. One writer at a time: the owner of the filling slot. A predecessor killed in
// here leaves the cell odd; the next write mends it.
void write_tag(TagCell& cell, const FrameTag& tag, std::uint32_t generation) noexcept;

// The tag written for `generation`; nullopt when it is another's or being written this instant. Any thread, any
// process.
[[nodiscard]] std::optional<FrameTag> read_tag(const TagCell& cell, std::uint32_t generation);

void write_shape(PictureCell& cell, const PictureShape& shape) noexcept;
[[nodiscard]] PictureShape read_shape(const PictureCell& cell) noexcept;

}  // namespace framehop::shm
