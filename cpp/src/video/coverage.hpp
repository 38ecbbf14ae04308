// Whether a picture was decoded everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

#include "av.hpp"

namespace framehop::video {

// Finds out which pictures lack a slice, as after a lost packet. libavcodec's H.265 decoder does not say so: what no
// slice covers keeps what was in the memory before, often the same place of an older picture, and nothing is wrong in
// the picture's flags. So marks are put into the luma before a picture is decoded, and one that is left afterwards was
// covered by no slice.
//
// The marks are random, so that no picture has them by chance or by intent. They are as dense as blocks of H.265 are
// small from above, 16 rows apart, and 64 bytes from the side: a missing slice that is narrower may pass, a row is
// found. Not thread-safe.
class Coverage {
  public:
    Coverage();

    // Before `frame` is decoded; its memory stays while `lacks_something` may be asked.
    void mark(const AVFrame& frame) noexcept;
    void forget() noexcept { luma_ = nullptr; }
    // Whether part of the picture that was marked last has not been decoded.
    [[nodiscard]] bool lacks_something() const noexcept;

  private:
    // Calls `visit` with each place of a mark, until it returns true; returns whether it did.
    template <class Visit>
    bool any(Visit visit) const noexcept;

    std::uint64_t mark_;
    std::uint8_t* luma_ = nullptr;
    std::ptrdiff_t stride_ = 0;  // in bytes
    int rows_ = 0;
    int row_bytes_ = 0;
};

}  // namespace framehop::video
