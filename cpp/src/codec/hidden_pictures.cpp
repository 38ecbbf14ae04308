#include "framehop/codec/hidden_pictures.hpp"

#include <optional>

#include "annexb.hpp"

namespace framehop::codec {
namespace {

constexpr std::size_t kHeader = 2;
constexpr std::uint32_t kFirstIrap = 16, kLastIrap = 23, kLastSlice = 31, kPps = 34;

// Whether a unit is of the layer that is decoded: others, as of a second view, have parameter sets of their own.
bool of_base_layer(Bytes unit) noexcept { return (unit[0] & 1U) == 0 && unit[1] >> 3 == 0; }

}  // namespace

bool HiddenPictures::hides(Bytes unit) noexcept {
    UnitReader units(unit);
    while (const std::optional<Bytes> part = units.next()) {
        if (part->size() <= kHeader || !of_base_layer(*part)) continue;
        const std::uint32_t type = (*part)[0] >> 1 & 0x3FU;
        if (type == kPps) learn(part->subspan(kHeader));
        if (type <= kLastSlice) return is_hidden(type, part->subspan(kHeader));  // all slices of a picture say the same
    }
    return false;
}

void HiddenPictures::learn(Bytes set) noexcept {
    BitReader bits(set);
    const std::uint32_t number = bits.ue();
    (void)bits.ue();     // of the sequence parameter set
    (void)bits.bits(1);  // dependent slices
    const bool says = bits.bits(1) != 0;
    const unsigned reserved_bits = bits.bits(3);
    if (number < sets_.size() && !bits.ended()) sets_[number] = {.says = says, .reserved_bits = reserved_bits};
}

bool HiddenPictures::is_hidden(std::uint32_t type, Bytes slice) const noexcept {
    BitReader bits(slice);
    if (bits.bits(1) == 0) return false;  // not the first slice of its picture: it begins otherwise
    if (type >= kFirstIrap && type <= kLastIrap) (void)bits.bits(1);
    const std::uint32_t number = bits.ue();
    if (number >= sets_.size() || !sets_[number].says) return false;
    (void)bits.bits(sets_[number].reserved_bits);
    (void)bits.ue();  // kind of slice
    return bits.bits(1) == 0 && !bits.ended();
}

}  // namespace framehop::codec
