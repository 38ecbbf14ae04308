#include "framehop/hop/keys.hpp"

#include <array>

#include "zmq_call.hpp"

namespace framehop::hop {
namespace {

constexpr std::size_t kKeyText = 41;  // 40 characters of Z85, and a NUL
using KeyText = std::array<char, kKeyText>;

}  // namespace

KeyPair make_key_pair() {
    KeyText public_key{};
    KeyText secret{};
    if (zmq_curve_keypair(public_key.data(), secret.data()) != 0) throw_zmq("zmq_curve_keypair");
    return {.public_key = public_key.data(), .secret = secret.data()};
}

std::string public_key_of(const std::string& secret) {
    KeyText public_key{};
    std::array<std::uint8_t, 32> bytes{};
    const bool is_key = secret.size() == kKeyText - 1 && zmq_z85_decode(bytes.data(), secret.c_str()) != nullptr;
    if (!is_key) throw Error(Errc::invalid_argument, "a key has 40 characters of Z85: make keys anew");
    if (zmq_curve_public(public_key.data(), secret.c_str()) != 0) throw_zmq("zmq_curve_public");
    return public_key.data();
}

}  // namespace framehop::hop
