// Failures are exceptions of one type with a code; expected outcomes (full, empty, stale, timed out) are return values.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace framehop {

// The binding has one Python class per code (framehop.errors); a test proves that none is missing.
enum class Errc {
    invalid_argument,     // the caller broke a documented precondition
    closed,               // the object was used after close
    system,               // a system call failed; the message names it and carries errno's text
    no_memory,            // memory for a ring or a picture cannot be had; the message names sizes and limits
    wrong_layout,         // a shared segment has another layout version, or is not ours
    refused,              // the peer refused: not the same user, role taken, quota reached
    corrupt_picture,      // nobody can decode it: truncated, random bytes, broken tables
    unsupported_picture,  // only others can decode it: CMYK, 12 bit, lossless
    picture_too_large,    // it has more pixels than the cap, or more bytes than the slot
    bad_message,          // a hop message does not parse
};

// Every code, in order, for tables and tests.
inline constexpr Errc kAllErrc[] = {
    Errc::invalid_argument,  Errc::closed,      Errc::system,          Errc::no_memory,
    Errc::wrong_layout,      Errc::refused,     Errc::corrupt_picture, Errc::unsupported_picture,
    Errc::picture_too_large, Errc::bad_message,
};

// The code's name as written above ("corrupt_picture"). Thread-safe.
[[nodiscard]] std::string_view name(Errc code) noexcept;

class Error : public std::runtime_error {
  public:
    Error(Errc code, const std::string& message) : std::runtime_error(message), code_(code) {}
    [[nodiscard]] Errc code() const noexcept { return code_; }

  private:
    Errc code_;
};

// Throws Errc::system (or no_memory for ENOMEM) with "<what>: <errno's text>". Reads errno first.
[[noreturn]] void throw_errno(std::string_view what);

}  // namespace framehop
