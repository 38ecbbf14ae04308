// What heads look for first among the numbers of a network: whether all can be used, and which are high.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace framehop::image {

// Returns whether no value is NaN or infinite. Thread-safe.
[[nodiscard]] bool all_finite(std::span<const float> values) noexcept;

// The rows that were chosen, in their order, with the best class of each and its score: three vectors of one length.
struct BestClasses {
    std::vector<std::size_t> rows;
    std::vector<std::size_t> classes;
    std::vector<float> scores;
};

// Returns the rows of `scores`, of `columns` each, whose best class reaches `threshold`. Between equal scores the lower
// class wins; NaN reaches nothing. Hardly any score does, so most of the time goes into passing the others by. Throws
// Errc::invalid_argument if `columns` is 0 or does not divide the scores. Thread-safe.
[[nodiscard]] BestClasses best_classes(std::span<const float> scores, std::size_t columns, float threshold);

}  // namespace framehop::image
