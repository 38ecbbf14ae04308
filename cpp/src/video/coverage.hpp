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
//
// The same holds for fields of H.264, which libavcodec does not paint over as it does with frames. They lie in each
// other's gaps and are judged apart; one of which nothing came at all is no damage yet, as it may be the next unit.
enum class Lines : std::uint8_t { all, fields };

class Coverage {
  public:
    Coverage();

    // Before `frame` is decoded; its memory stays while `look` may be called.
    void mark(const AVFrame& frame, Lines lines) noexcept;
    // Afterwards: counts the marks that are left in it. What is below tells of that look.
    void look() noexcept;
    // Before the memory ends: there is nothing to look at.
    void forget() noexcept;
    // Whether part of the picture that was marked last has not been decoded.
    [[nodiscard]] bool lacks_something() const noexcept;
    // Whether one of its two fields has come whole, and nothing of the other.
    [[nodiscard]] bool lacks_a_field() const noexcept { return top_.untouched() != bottom_.untouched(); }
    // Whether nothing of its top field has come.
    [[nodiscard]] bool lacks_top() const noexcept { return top_.untouched(); }

  private:
    struct Rows {
        int first;
        int step;
    };
    static const Rows kAll;
    static const Rows kTop;
    static const Rows kBottom;
    struct Count {
        int left = 0;
        int all = 0;
        [[nodiscard]] bool untouched() const noexcept { return all > 0 && left == all; }
        [[nodiscard]] bool torn() const noexcept { return left > 0 && left < all; }
    };
    // Calls `visit` with each place of a mark in these rows.
    template <class Visit>
    void each(Rows rows, Visit visit) const noexcept;
    [[nodiscard]] Count count(Rows rows) const noexcept;

    std::uint64_t mark_;
    std::uint8_t* luma_ = nullptr;
    std::ptrdiff_t stride_ = 0;  // in bytes
    int rows_ = 0;
    int row_bytes_ = 0;
    Lines lines_ = Lines::all;
    Count whole_;  // of a picture whose lines are judged together
    Count top_;    // of one whose fields are judged apart
    Count bottom_;
};

}  // namespace framehop::video
