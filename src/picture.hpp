// Pictures borrowed from NumPy for the length of one call.
#pragma once

#include <pybind11/numpy.h>

#include "framehop/base/image_view.hpp"

namespace framehop::python {

// A uint8 [H, W, 3] array and the view over its pixels: rows may be strided, pixels are contiguous. Keeps the array
// alive; make and destroy it with the GIL.
class BorrowedPicture {
  public:
    // Throws Errc::invalid_argument for anything but such an array. `what`: the argument's name, for the error.
    BorrowedPicture(pybind11::handle object, const char* what);

    [[nodiscard]] const ConstImageView& view() const noexcept { return view_; }

  private:
    pybind11::array array_;
    ConstImageView view_;
};

// Describes the caller's object for error messages: "uint8 [480, 640, 3]", or the type's name.
std::string describe(pybind11::handle object);

}  // namespace framehop::python
