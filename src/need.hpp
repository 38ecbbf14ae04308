// How many pixels of a picture somebody needs, from Python's arguments.
#pragma once

#include <cstdint>
#include <string>

#include "framehop/codec/jpeg.hpp"
#include "framehop/image/placement.hpp"

namespace framehop::python {

// Returns the mode of that name. Throws Errc::invalid_argument naming `what`.
[[nodiscard]] image::ResizeMode resize_mode(const char* what, const std::string& name);

// Enough pixels to resize a picture into a box, by a mode. A box side of 0 demands nothing. Immutable.
class Need {
  public:
    // Throws Errc::invalid_argument for negative sides and unknown modes.
    Need(std::int64_t min_width, std::int64_t min_height, const std::string& fit);

    // The size below which `source`, upright, must not be scaled: the box, or of a letterbox what the picture covers.
    [[nodiscard]] codec::Size minimum(codec::Size source) const noexcept;

  private:
    codec::Size box_;
    image::ResizeMode fit_;
};

}  // namespace framehop::python
