// CURVE keys for frames between hosts. Each key is 32 bytes, written as 40 characters of Z85.
#pragma once

#include <string>
#include <vector>

namespace framehop::hop {

// The sender's end. `receivers`: the public keys that may connect; nobody else may.
struct SenderKeys {
    std::string secret;
    std::vector<std::string> receivers;
};

// A receiver's end. `sender`: the public key of the sender that it trusts.
struct ReceiverKeys {
    std::string secret;
    std::string sender;
};

struct KeyPair {
    std::string public_key;
    std::string secret;
};

// Throws Errc::system when libzmq was built without CURVE.
[[nodiscard]] KeyPair make_key_pair();

// Throws Errc::invalid_argument for what is no secret key.
[[nodiscard]] std::string public_key_of(const std::string& secret);

}  // namespace framehop::hop
