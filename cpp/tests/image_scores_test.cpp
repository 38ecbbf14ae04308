#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/image/scores.hpp"

namespace framehop::image {
namespace {

using Indices = std::vector<std::size_t>;
using Scores = std::vector<float>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(AllFinite, every_place_counts_whatever_the_length) {
    for (const std::size_t length : {1U, 31U, 32U, 33U, 100U}) {
        Scores values(length, -std::numeric_limits<float>::max());
        EXPECT_TRUE(all_finite(values));
        for (const float strange : {kNan, kInfinity, -kInfinity}) {
            for (std::size_t i = 0; i < length; ++i) {
                values[i] = strange;
                EXPECT_FALSE(all_finite(values)) << i << " of " << length;
                values[i] = 0;
            }
        }
    }
    EXPECT_TRUE(all_finite({}));
}

TEST(BestClasses, a_row_counts_once_with_its_best_class) {
    const BestClasses found = best_classes(Scores{0.1F, 0.2F, 0.5F, 0.9F, 0.9F, 0.3F}, 2, 0.3F);
    EXPECT_EQ(found.rows, (Indices{1, 2}));
    EXPECT_EQ(found.classes, (Indices{1, 0}));
    EXPECT_EQ(found.scores, (Scores{0.9F, 0.9F}));
}

TEST(BestClasses, the_lower_class_wins_between_equals_and_the_threshold_itself_is_enough) {
    const BestClasses found = best_classes(Scores{0.2F, 0.7F, 0.7F, 0.5F, 0.1F, 0.1F}, 3, 0.5F);
    EXPECT_EQ(found.rows, (Indices{0, 1}));
    EXPECT_EQ(found.classes, (Indices{1, 0}));
}

TEST(BestClasses, every_row_that_just_reaches_is_found_wherever_it_lies) {
    constexpr std::size_t kRows = 100;
    for (const std::size_t columns : {1U, 7U, 32U, 90U}) {
        for (std::size_t row = 0; row < kRows; ++row) {
            Scores scores(kRows * columns, 0.1F);
            scores[row * columns + row % columns] = 0.8F;
            const BestClasses found = best_classes(scores, columns, 0.8F);
            EXPECT_EQ(found.rows, (Indices{row}));
            EXPECT_EQ(found.classes, (Indices{row % columns}));
        }
    }
}

TEST(BestClasses, nan_reaches_nothing) {
    EXPECT_EQ(best_classes(Scores{kNan, kNan, kNan, 0.6F}, 2, 0.5F).rows, (Indices{1}));
    EXPECT_EQ(best_classes(Scores{kNan, kNan, 0.6F, kNan}, 2, 0.5F).classes, (Indices{0}));
}

TEST(BestClasses, nothing_in_nothing_out) { EXPECT_TRUE(best_classes({}, 3, 0.5F).rows.empty()); }

TEST(BestClasses, rows_of_no_class_and_a_broken_row_are_refused) {
    EXPECT_THROW((void)best_classes({}, 0, 0.5F), Error);
    EXPECT_THROW((void)best_classes(Scores{0.1F, 0.2F, 0.3F}, 2, 0.5F), Error);
}

}  // namespace
}  // namespace framehop::image
