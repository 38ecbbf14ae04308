#include "framehop/codec/orientation.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "segments.hpp"

namespace framehop::codec {
namespace {

constexpr std::uint8_t kApp1 = 0xE1;
constexpr std::array<std::uint8_t, 6> kExif{'E', 'x', 'i', 'f', 0, 0};
constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::uint16_t kShort = 3;
constexpr std::size_t kEntryBytes = 12;

// Reads the numbers of a TIFF structure, in either byte order. All offsets are checked.
class Tiff {
  public:
    explicit Tiff(Bytes bytes) noexcept : bytes_(bytes), little_(bytes.size() > 1 && bytes[0] == 'I') {}

    [[nodiscard]] std::optional<std::uint32_t> u16(std::size_t at) const noexcept { return number(at, 2); }
    [[nodiscard]] std::optional<std::uint32_t> u32(std::size_t at) const noexcept { return number(at, 4); }
    [[nodiscard]] bool has_header() const noexcept {
        return bytes_.size() > 1 && bytes_[0] == bytes_[1] && (little_ || bytes_[0] == 'M') && u16(2) == 42U;
    }

  private:
    [[nodiscard]] std::optional<std::uint32_t> number(std::size_t at, std::size_t size) const noexcept {
        if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
        std::uint32_t value = 0;
        for (std::size_t k = 0; k < size; ++k) value = value << 8 | bytes_[little_ ? at + size - 1 - k : at + k];
        return value;
    }

    Bytes bytes_;
    bool little_;
};

// Looks through the first directory, which has at most 65,535 entries.
std::optional<std::uint32_t> orientation_value(const Tiff& tiff) noexcept {
    const std::size_t directory = tiff.u32(4).value_or(0);
    const std::size_t entries = tiff.has_header() ? tiff.u16(directory).value_or(0) : 0;
    for (std::size_t k = 0; k < entries; ++k) {
        const std::size_t entry = directory + 2 + k * kEntryBytes;
        if (tiff.u16(entry) != kOrientationTag) continue;
        return tiff.u16(entry + 2) == kShort ? tiff.u16(entry + 8) : tiff.u32(entry + 8);
    }
    return std::nullopt;
}

void copy_pixel(const std::uint8_t* from, std::uint8_t* to) noexcept {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
}

void place_row(const std::uint8_t* row, std::uint32_t y, bool mirror, const ImageView& target) noexcept {
    std::uint8_t* to = target.row(y);
    if (!mirror) {
        std::copy_n(row, std::size_t{3} * target.width, to);
        return;
    }
    for (std::uint32_t x = 0; x < target.width; ++x) {
        copy_pixel(row + std::size_t{3} * x, to + std::size_t{3} * (target.width - 1 - x));
    }
}

// Turns columns into rows: stored column x becomes row x, or the x-th from below; stored row top + k becomes pixel
// top + k of it, or the one that far from the right. It goes by output rows, where the pixels of one strip lie side by
// side, so that each cache line is written once.
void place_columns(const ConstImageView& rows, std::uint32_t top, bool from_right, bool from_below,
                   const ImageView& target) noexcept {
    for (std::uint32_t x = 0; x < rows.width; ++x) {
        std::uint8_t* to = target.row(from_below ? rows.width - 1 - x : x);
        for (std::uint32_t k = 0; k < rows.height; ++k) {
            const std::uint32_t column = from_right ? target.width - 1 - top - k : top + k;
            copy_pixel(rows.row(k) + std::size_t{3} * x, to + std::size_t{3} * column);
        }
    }
}

bool is_exif(const Segment& segment) noexcept {
    return segment.marker == kApp1 && segment.body.size() > kExif.size() &&
           std::equal(kExif.begin(), kExif.end(), segment.body.begin());
}

}  // namespace

Orientation read_orientation(Bytes jpeg) noexcept {
    SegmentReader segments(jpeg);
    while (const std::optional<Segment> segment = segments.next()) {
        if (!is_exif(*segment)) continue;
        const std::uint32_t value = orientation_value(Tiff(segment->body.subspan(kExif.size()))).value_or(1);
        return value >= 1 && value <= 8 ? static_cast<Orientation>(value) : Orientation::upright;
    }
    return Orientation::upright;
}

void place_rows(const ConstImageView& rows, std::uint32_t top, Orientation orientation,
                const ImageView& target) noexcept {
    using enum Orientation;
    if (is_sideways(orientation)) {
        const bool from_right = orientation == quarter_turn || orientation == transverse;
        const bool from_below = orientation == three_quarters || orientation == transverse;
        place_columns(rows, top, from_right, from_below, target);
        return;
    }
    const bool mirror = orientation == mirrored || orientation == half_turn;
    const bool from_below = orientation == flipped || orientation == half_turn;
    for (std::uint32_t k = 0; k < rows.height; ++k) {
        place_row(rows.row(k), from_below ? target.height - 1 - top - k : top + k, mirror, target);
    }
}

}  // namespace framehop::codec
