#include "framehop/image/nms.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "framehop/base/error.hpp"

namespace framehop::image {
namespace {

struct Box {
    float x1, y1, x2, y2;
    float area;
    std::int32_t label_id;
};

float area(float x1, float y1, float x2, float y2) noexcept {
    return std::max(x2 - x1, 0.0F) * std::max(y2 - y1, 0.0F);
}

Box box_at(const NmsInput& input, std::size_t index) noexcept {
    const float* side = input.boxes.data() + 4 * index;
    return {side[0], side[1], side[2], side[3], area(side[0], side[1], side[2], side[3]), input.label_ids[index]};
}

// Areas that exceed float32 become infinite, and then no comparison holds: such boxes are kept.
bool overlap(const Box& a, const Box& b, float iou) noexcept {
    const float shared = area(std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2));
    const float both = a.area + b.area - shared;
    return both > 0.0F && shared / both > iou;
}

void check_finite(std::span<const float> values, const char* what) {
    const auto wild = std::ranges::find_if_not(values, [](float value) { return std::isfinite(value); });
    if (wild == values.end()) return;
    throw Error(Errc::invalid_argument,
                std::string(what) + " must be finite, and number " + std::to_string(wild - values.begin()) + " is not");
}

void check(const NmsInput& input, const NmsSpec& spec) {
    const std::size_t count = input.scores.size();
    if (input.boxes.size() != 4 * count || input.label_ids.size() != count) {
        throw Error(Errc::invalid_argument, "boxes, scores and label_ids must have one entry per candidate");
    }
    if (!(spec.iou >= 0.0F && spec.iou <= 1.0F)) {
        throw Error(Errc::invalid_argument, "iou must be 0 to 1, not " + std::to_string(spec.iou));
    }
    check_finite(input.boxes, "boxes");
    check_finite(input.scores, "scores");
}

// Returns the indices of the `most` best scores, best first.
std::vector<std::size_t> best(std::span<const float> scores, std::size_t most) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto better = [scores](std::size_t a, std::size_t b) {
        return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    };
    const std::size_t count = std::min(most, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), better);
    order.resize(count);
    return order;
}

}  // namespace

std::vector<std::size_t> nms(const NmsInput& input, const NmsSpec& spec) {
    check(input, spec);
    std::vector<std::size_t> indices;
    std::vector<Box> kept;
    for (const std::size_t index : best(input.scores, spec.max_candidates)) {
        if (kept.size() >= spec.max_objects) break;
        const Box box = box_at(input, index);
        const bool dropped = std::ranges::any_of(kept, [&](const Box& rival) {
            return (spec.class_agnostic || rival.label_id == box.label_id) && overlap(rival, box, spec.iou);
        });
        if (dropped) continue;
        kept.push_back(box);
        indices.push_back(index);
    }
    return indices;
}

}  // namespace framehop::image
