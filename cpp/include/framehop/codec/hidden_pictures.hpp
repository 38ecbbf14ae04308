// Which pictures of H.265 are decoded for others and never shown.
#pragma once

#include <array>
#include <cstdint>

#include "framehop/codec/jpeg.hpp"

namespace framehop::codec {

// Follows the parameter sets of one stream of H.265, by which a picture says that it is not to be shown
// (pic_output_flag, ITU-T H.265, 7.4.7.1). A decoder that gives each picture back does not say so of those that it
// keeps. Not thread-safe.
class HiddenPictures {
  public:
    // Whether the picture of an access unit is hidden. Call it for each unit, in the order of the stream. What is cut
    // or refers to parameter sets that have not come hides nothing.
    [[nodiscard]] bool hides(Bytes unit) noexcept;

  private:
    // What a picture parameter set says of the beginning of a slice. `says`: slices tell whether their picture is
    // shown.
    struct Slices {
        bool says = false;
        unsigned reserved_bits = 0;
    };

    [[nodiscard]] bool is_hidden(std::uint32_t type, Bytes slice) const noexcept;
    void learn(Bytes set) noexcept;

    std::array<Slices, 64> sets_{};  // by their number
};

}  // namespace framehop::codec
