// Converts sizes in pixels from Python, which may be any integer.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "framehop/base/error.hpp"

namespace framehop::python {

// Returns `value` as 32 bits. Throws Errc::invalid_argument naming `what` unless 0 <= value < 2^32.
inline std::uint32_t pixel_count(const char* what, std::int64_t value) {
    if (value < 0 || value > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
        throw Error(Errc::invalid_argument, std::string(what) + " cannot be " + std::to_string(value) + " pixels");
    }
    return static_cast<std::uint32_t>(value);
}

inline std::uint64_t pixel_cap(std::int64_t max_pixels) {
    if (max_pixels < 1) {
        throw Error(Errc::invalid_argument, "max_pixels must be 1 or more, not " + std::to_string(max_pixels));
    }
    return static_cast<std::uint64_t>(max_pixels);
}

}  // namespace framehop::python
