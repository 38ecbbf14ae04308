// What a resized row needs of the picture's rows, kept while the next one needs it, too.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "framehop/base/image_view.hpp"
#include "kernels.hpp"
#include "taps.hpp"

namespace framehop::image {

// Borrows the picture and the columns. Not thread-safe.
class GatheredRows {
  public:
    GatheredRows(const ConstImageView& picture, std::uint32_t resized, const Columns& columns, Gather gather);

    // Returns what row y, 0 to resized - 1, is blended of: valid until the next call. A lower row that does not count
    // is the upper one.
    [[nodiscard]] Rows at(std::uint32_t y);

  private:
    struct Kept {
        std::optional<std::uint32_t> row;
        std::vector<std::uint8_t> gathered;
    };

    [[nodiscard]] const std::uint8_t* gathered(std::uint32_t row, std::uint32_t next);
    [[nodiscard]] const std::uint8_t* readable(std::uint32_t row);

    ConstImageView picture_;
    std::uint32_t resized_;
    const Columns& columns_;
    Gather gather_;
    std::array<Kept, 2> kept_;  // the even and the odd row: neighbours do not displace each other
    std::vector<std::uint8_t> copy_;
};

}  // namespace framehop::image
