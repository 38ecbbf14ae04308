#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/image/nms.hpp"

namespace framehop::image {
namespace {

using Box = std::array<float, 4>;
using Kept = std::vector<std::size_t>;

constexpr Box kSquare{0, 0, 10, 10};
constexpr Box kShifted{1, 0, 11, 10};
constexpr Box kFar{50, 50, 60, 60};

struct Candidates {
    std::vector<float> boxes;
    std::vector<float> scores;
    std::vector<std::int32_t> label_ids;

    Candidates& add(const Box& box, float score, std::int32_t label_id = 0) {
        boxes.insert(boxes.end(), box.begin(), box.end());
        scores.push_back(score);
        label_ids.push_back(label_id);
        return *this;
    }
    [[nodiscard]] Kept keep(const NmsSpec& spec = {}) const { return nms({boxes, scores, label_ids}, spec); }
};

TEST(Nms, the_better_of_two_that_overlap_stays_and_the_best_comes_first) {
    EXPECT_EQ(Candidates{}.add(kSquare, 0.6F).add(kShifted, 0.9F).add(kFar, 0.7F).keep(), (Kept{1, 2}));
}

TEST(Nms, nothing_in_nothing_out) { EXPECT_EQ(Candidates{}.keep(), Kept{}); }

TEST(Nms, exactly_the_threshold_is_not_too_much) {
    const Candidates halves = Candidates{}.add(kSquare, 0.9F).add({0, 0, 10, 5}, 0.8F);
    EXPECT_EQ(halves.keep({.iou = 0.5F}), (Kept{0, 1}));
    EXPECT_EQ(halves.keep({.iou = 0.49F}), (Kept{0}));
}

TEST(Nms, labels_matter_only_when_asked_to) {
    const Candidates two = Candidates{}.add(kSquare, 0.9F, 1).add(kShifted, 0.8F, 2);
    EXPECT_EQ(two.keep(), (Kept{0}));
    EXPECT_EQ(two.keep({.class_agnostic = false}), (Kept{0, 1}));
    const Candidates same = Candidates{}.add(kSquare, 0.9F, 2).add(kShifted, 0.8F, 2);
    EXPECT_EQ(same.keep({.class_agnostic = false}), (Kept{0}));
}

TEST(Nms, equal_scores_go_by_index) {
    Candidates many;
    for (int i = 0; i < 100; ++i)
        many.add({20.0F * static_cast<float>(i), 0, 20.0F * static_cast<float>(i) + 9, 9}, 0.5F);
    EXPECT_EQ(many.keep({.max_candidates = 3}), (Kept{0, 1, 2}));
}

TEST(Nms, what_was_dropped_drops_no_other) {
    EXPECT_EQ(Candidates{}.add(kSquare, 0.9F).add({3, 0, 13, 10}, 0.8F).add({6, 0, 16, 10}, 0.7F).keep(), (Kept{0, 2}));
}

TEST(Nms, boxes_without_area_and_inside_out_do_no_harm) {
    const Box flat{5, 5, 5, 5};
    EXPECT_EQ(Candidates{}.add(flat, 0.9F).add(flat, 0.8F).add({9, 9, 1, 1}, 0.7F).add(kSquare, 0.6F).keep(),
              (Kept{0, 1, 2, 3}));
}

TEST(Nms, sides_at_the_end_of_float32_are_kept) {
    constexpr float kMost = std::numeric_limits<float>::max();
    const Box all{-kMost, -kMost, kMost, kMost};
    EXPECT_EQ(Candidates{}.add(all, 0.9F).add(all, 0.8F).keep(), (Kept{0, 1}));
}

TEST(Nms, both_bounds_hold) {
    Candidates apart;
    for (int i = 0; i < 10; ++i) {
        apart.add({20.0F * static_cast<float>(i), 0, 20.0F * static_cast<float>(i) + 10, 10},
                  static_cast<float>(i) / 10);
    }
    EXPECT_EQ(apart.keep({.max_objects = 3}), (Kept{9, 8, 7}));
    EXPECT_EQ(apart.keep({.max_candidates = 2}), (Kept{9, 8}));
    EXPECT_EQ(apart.keep({.max_objects = 0}), Kept{});
}

TEST(Nms, many_equal_boxes_leave_one) {
    Candidates equal;
    for (int i = 0; i < 1000; ++i) equal.add(kSquare, 1.0F);
    EXPECT_EQ(equal.keep(), (Kept{0}));
}

void expect_refused(const NmsInput& input, const NmsSpec& spec) {
    try {
        EXPECT_EQ(nms(input, spec), Kept{}) << "it was not refused";
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::invalid_argument);
    }
}

TEST(Nms, what_does_not_fit_together_is_refused) {
    const std::vector<float> four(4);
    const std::vector<float> one(1);
    const std::vector<std::int32_t> label(1);
    EXPECT_EQ(nms({four, one, label}, {}), (Kept{0}));
    expect_refused({one, one, label}, {});
    expect_refused({four, four, label}, {});
    expect_refused({four, one, {}}, {});
}

TEST(Nms, numbers_that_are_none_are_refused) {
    const Candidates good = Candidates{}.add(kSquare, 0.5F);
    for (const float wild : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        Candidates boxes = good;
        boxes.boxes[3] = wild;
        expect_refused({boxes.boxes, boxes.scores, boxes.label_ids}, {});
        Candidates scores = good;
        scores.scores[0] = wild;
        expect_refused({scores.boxes, scores.scores, scores.label_ids}, {});
        expect_refused({good.boxes, good.scores, good.label_ids}, {.iou = wild});
    }
}

}  // namespace
}  // namespace framehop::image
