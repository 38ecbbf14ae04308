// Greedy non-maximum suppression: of boxes that overlap, the one with the best score stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace framehop::image {

// The candidates of one picture, borrowed.
struct NmsInput {
    std::span<const float> boxes;  // x1, y1, x2, y2 of each, one after the other
    std::span<const float> scores;
    std::span<const std::int32_t> label_ids;
};

struct NmsSpec {
    float iou = 0.5F;            // 0..1; a box that overlaps a better one by more is dropped
    bool class_agnostic = true;  // else only boxes of one label compete
    // Only so many of the best are looked at, and only so many kept: the work is bounded by their product.
    std::size_t max_candidates = 1000;
    std::size_t max_objects = 100;
};

// Returns the indices of what is kept, best first; between equal scores the lower index is the better one. A box that
// was dropped drops no other. The overlap is shared area / area of both, in float32; a box without area, or inside out,
// overlaps nothing. Throws Errc::invalid_argument for spans that do not fit together, an iou out of range and numbers
// that are not finite. Thread-safe.
[[nodiscard]] std::vector<std::size_t> nms(const NmsInput& input, const NmsSpec& spec);

}  // namespace framehop::image
