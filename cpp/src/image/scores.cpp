#include "framehop/image/scores.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "framehop/base/error.hpp"

namespace framehop::image {
namespace {

constexpr std::size_t kBlock = 32;  // compilers turn a loop of known length into vector code, even at -O2

using Block = std::span<const float, kBlock>;

bool is_usable(float value) noexcept { return std::fabs(value) <= std::numeric_limits<float>::max(); }

bool is_usable(Block block) noexcept {
    int strange = 0;
    for (const float value : block) strange |= static_cast<int>(!is_usable(value));
    return strange == 0;
}

bool reaches(Block block, float threshold) noexcept {
    int reached = 0;
    for (const float score : block) reached |= static_cast<int>(score >= threshold);
    return reached != 0;
}

// Returns the index of the first score from `from` on that reaches the threshold, or the number of scores.
std::size_t next(std::span<const float> scores, std::size_t from, float threshold) noexcept {
    while (from + kBlock <= scores.size() && !reaches(scores.subspan(from).first<kBlock>(), threshold)) from += kBlock;
    while (from < scores.size() && !(scores[from] >= threshold)) ++from;
    return from;
}

// Returns the best class of a row, of which it is known that class `reached` and none before it reaches the threshold.
std::size_t best_from(std::span<const float> row, std::size_t reached) noexcept {
    std::size_t best = reached;
    for (std::size_t i = reached + 1; i < row.size(); ++i) {
        if (row[i] > row[best]) best = i;
    }
    return best;
}

void check(std::size_t scores, std::size_t columns) {
    if (columns != 0 && scores % columns == 0) return;
    throw Error(Errc::invalid_argument,
                std::to_string(scores) + " scores do not make rows of " + std::to_string(columns) + " classes");
}

}  // namespace

bool all_finite(std::span<const float> values) noexcept {
    std::size_t at = 0;
    while (at + kBlock <= values.size() && is_usable(values.subspan(at).first<kBlock>())) at += kBlock;
    while (at < values.size() && is_usable(values[at])) ++at;
    return at == values.size();
}

BestClasses best_classes(std::span<const float> scores, std::size_t columns, float threshold) {
    check(scores.size(), columns);
    BestClasses found;
    for (std::size_t at = next(scores, 0, threshold); at < scores.size();) {
        const std::size_t row = at / columns;
        const std::size_t best = best_from(scores.subspan(row * columns, columns), at % columns);
        found.rows.push_back(row);
        found.classes.push_back(best);
        found.scores.push_back(scores[row * columns + best]);
        at = next(scores, (row + 1) * columns, threshold);
    }
    return found;
}

}  // namespace framehop::image
