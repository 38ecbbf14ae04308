#include "gathered_rows.hpp"

#include <algorithm>

namespace framehop::image {
namespace {

constexpr std::size_t kReadBeyond = kPairBytes - 3;  // the bytes that are read after a row's last pixel

}  // namespace

GatheredRows::GatheredRows(const ConstImageView& picture, std::uint32_t resized, const Columns& columns, Gather gather)
    : picture_(picture),
      resized_(resized),
      columns_(columns),
      gather_(gather),
      copy_(std::size_t{3} * picture.width + kReadBeyond) {
    for (Kept& kept : kept_) kept.gathered.resize(columns.blocks() * kBlockBytes);
}

Rows GatheredRows::at(std::uint32_t y) {
    const Tap tap = tap_at(y, picture_.height, resized_);
    const Tap next = tap_at(std::min(y + 1, resized_ - 1), picture_.height, resized_);
    const std::uint8_t* upper = gathered(tap.first, next.first);
    return {upper, tap.weight == 0.0F ? upper : gathered(tap.second, next.second), tap.weight};
}

const std::uint8_t* GatheredRows::gathered(std::uint32_t row, std::uint32_t next) {
    Kept& kept = kept_[row % 2];
    if (kept.row != row) {
        gather_(readable(row), picture_.row(next), columns_.left(), columns_.blocks(), kept.gathered.data());
        kept.row = row;
    }
    return kept.gathered.data();
}

// The last rows of a picture are copied: behind them lies memory that is not the picture's.
const std::uint8_t* GatheredRows::readable(std::uint32_t row) {
    const std::uint8_t* bytes = picture_.row(row);
    const std::size_t rows_below = picture_.height - 1 - row;
    if (rows_below * picture_.stride >= kReadBeyond) return bytes;
    std::copy_n(bytes, copy_.size() - kReadBeyond, copy_.data());
    return copy_.data();
}

}  // namespace framehop::image
