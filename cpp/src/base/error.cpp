#include "framehop/base/error.hpp"

#include <cerrno>
#include <system_error>

namespace framehop {

std::string_view name(Errc code) noexcept {
    switch (code) {
        case Errc::invalid_argument:
            return "invalid_argument";
        case Errc::closed:
            return "closed";
        case Errc::system:
            return "system";
        case Errc::no_memory:
            return "no_memory";
        case Errc::wrong_layout:
            return "wrong_layout";
        case Errc::refused:
            return "refused";
        case Errc::corrupt_picture:
            return "corrupt_picture";
        case Errc::unsupported_picture:
            return "unsupported_picture";
        case Errc::picture_too_large:
            return "picture_too_large";
        case Errc::bad_message:
            return "bad_message";
    }
    return "unknown";
}

void throw_errno(std::string_view what) {
    const int number = errno;
    throw Error(number == ENOMEM ? Errc::no_memory : Errc::system,
                std::string(what) + ": " + std::generic_category().message(number));
}

}  // namespace framehop
