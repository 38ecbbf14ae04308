// The names of pixel formats in Python.
#pragma once

#include <string>

#include "choice.hpp"
#include "framehop/base/pixel_format.hpp"

namespace framehop::python {

inline constexpr Named<PixelFormat> kPixelFormats[] = {{"rgb8", PixelFormat::rgb8},   {"bgr8", PixelFormat::bgr8},
                                                       {"gray8", PixelFormat::gray8}, {"i420", PixelFormat::i420},
                                                       {"nv12", PixelFormat::nv12},   {"bytes", PixelFormat::bytes}};

// Throws Errc::invalid_argument naming all formats.
[[nodiscard]] inline PixelFormat format_from_name(const std::string& name) {
    return choose("pixel_format", kPixelFormats, name);
}

}  // namespace framehop::python
