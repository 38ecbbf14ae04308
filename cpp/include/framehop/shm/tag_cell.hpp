// Reads and writes the cells of a slot while other processes may read them.
#pragma once

#include <optional>

#include "framehop/shm/layout.hpp"

namespace framehop::shm {

// Writes `tag` for this use of the slot. Only the owner of the filling slot may call it. A writer killed in here
// leaves the sequence odd; the next write mends it.
void write_tag(TagCell& cell, const FrameTag& tag, std::uint32_t generation) noexcept;

// Returns the tag written for `generation`; nullopt when the cell holds another one or is just being written. Safe from
// any thread of any process.
[[nodiscard]] std::optional<FrameTag> read_tag(const TagCell& cell, std::uint32_t generation);

void write_shape(PictureCell& cell, const PictureShape& shape) noexcept;
[[nodiscard]] PictureShape read_shape(const PictureCell& cell) noexcept;

}  // namespace framehop::shm
