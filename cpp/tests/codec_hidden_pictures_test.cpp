#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "framehop/codec/hidden_pictures.hpp"

namespace {

using framehop::codec::HiddenPictures;

constexpr int kTrail = 1, kIdr = 19, kPps = 34;

// A unit of this type in Annex B form, whose content has these bits and some more.
std::vector<std::uint8_t> unit(int type, std::string bits) {
    std::vector<std::uint8_t> bytes = {0, 0, 1, static_cast<std::uint8_t>(type << 1), 1};
    bits += "1010101011";
    while (bits.size() % 8 != 0) bits += '1';
    for (std::size_t at = 0; at < bits.size(); at += 8) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoi(bits.substr(at, 8), nullptr, 2)));
    }
    return bytes;
}

// Picture parameter set 1: sequence parameter set 0, no dependent slices, whether slices say it, reserved bits.
std::vector<std::uint8_t> set(char says, const std::string& reserved) {
    return unit(kPps, std::string("010") + "1" + "0" + says + reserved);
}

// The first slice of a picture with set 1, of kind P.
std::vector<std::uint8_t> slice(const std::string& reserved, char shown) {
    return unit(kTrail, std::string("1") + "010" + reserved + "010" + shown);
}

std::vector<std::uint8_t> joined(std::vector<std::uint8_t> first, const std::vector<std::uint8_t>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

}  // namespace

TEST(HiddenPictures, are_those_that_say_so) {
    HiddenPictures hidden;
    EXPECT_FALSE(hidden.hides(slice("", '0'))) << "its parameter set has not come";
    EXPECT_FALSE(hidden.hides(joined(set('1', "000"), slice("", '1'))));
    EXPECT_TRUE(hidden.hides(slice("", '0'))) << "the set holds from then on";
    EXPECT_TRUE(hidden.hides(unit(kIdr, std::string("1") + "0" + "010" + "011" + "0"))) << "a key frame has a bit more";
    EXPECT_FALSE(hidden.hides(unit(kIdr, std::string("1") + "0" + "010" + "011" + "1")));
    EXPECT_FALSE(hidden.hides(joined(set('0', "000"), slice("", '0'))))
        << "where slices do not say it, it is another bit";
}

TEST(HiddenPictures, are_told_by_the_first_slice_behind_the_reserved_bits) {
    HiddenPictures hidden;
    EXPECT_TRUE(hidden.hides(joined(set('1', "010"), slice("11", '0'))));
    EXPECT_FALSE(hidden.hides(slice("00", '1')));
    EXPECT_TRUE(hidden.hides(joined(slice("11", '0'), slice("11", '1'))));
    EXPECT_FALSE(hidden.hides(unit(kTrail, std::string("0010") + "11" + "0100")))
        << "the second slice, without the first";
}

TEST(HiddenPictures, parameter_sets_and_slices_of_other_layers_count_for_nothing) {
    HiddenPictures hidden;
    ASSERT_TRUE(hidden.hides(joined(set('1', "000"), slice("", '0'))));
    std::vector<std::uint8_t> other_set = set('0', "000");
    other_set[4] = 1 << 3 | 1;
    EXPECT_TRUE(hidden.hides(joined(other_set, slice("", '0'))));
    std::vector<std::uint8_t> other_slice = slice("", '0');
    other_slice[4] = 1 << 3 | 1;
    EXPECT_FALSE(hidden.hides(joined(other_slice, slice("", '1'))));
}

TEST(HiddenPictures, what_is_cut_or_no_unit_hides_nothing) {
    HiddenPictures hidden;
    ASSERT_TRUE(hidden.hides(joined(set('1', "000"), slice("", '0'))));
    EXPECT_FALSE(hidden.hides(unit(kPps, ""))) << "a set of another number, and no picture";
    for (const std::vector<std::uint8_t>& bytes :
         std::vector<std::vector<std::uint8_t>>{{},
                                                {0, 0, 1},
                                                {0, 0, 1, 2},
                                                {0, 0, 1, 2, 1},
                                                {0, 0, 1, 2, 1, 0xA0},
                                                {0, 0, 1, 2, 1, 0x80, 0, 0, 0, 0, 0}}) {
        EXPECT_FALSE(hidden.hides(bytes));
    }
    EXPECT_FALSE(hidden.hides({})) << "and what was cut has changed nothing";
    EXPECT_TRUE(hidden.hides(slice("", '0')));
}
