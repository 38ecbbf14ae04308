#include "gatekeeper.hpp"

#include <array>
#include <cstdint>
#include <string_view>

#include "zmq_call.hpp"
#include "zmq_part.hpp"

namespace framehop::hop {
namespace {

constexpr const char* kAddress = "inproc://zeromq.zap.01";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyText = 40;
// The parts of a question: version, id, domain, address, routing id, mechanism, the key.
constexpr std::size_t kId = 1;
constexpr std::size_t kPeer = 3;
constexpr std::size_t kMechanism = 5;
constexpr std::size_t kKey = 6;

std::string decoded(const std::string& text) {
    std::array<std::uint8_t, kKeyBytes> key{};
    if (text.size() != kKeyText || zmq_z85_decode(key.data(), text.c_str()) == nullptr) {
        throw Error(Errc::invalid_argument, "a receiver's public key has 40 characters of Z85: " + text.substr(0, 64));
    }
    return {reinterpret_cast<const char*>(key.data()), key.size()};
}

std::vector<std::string> receive(void* socket) {
    std::vector<std::string> parts;
    for (bool more = true; more;) {
        Part part;
        if (!part.receive_from(socket)) return {};
        const wire::Bytes bytes = part.bytes();
        parts.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        more = part.has_more();
    }
    return parts;
}

void reply(void* socket, const std::string& id, bool accepted) {
    const std::array<std::string_view, 6> parts{"1.0", id, accepted ? "200" : "400", accepted ? "OK" : "no key of ours",
                                                "",    ""};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const int flags = ZMQ_DONTWAIT | (i + 1 < parts.size() ? ZMQ_SNDMORE : 0);
        if (zmq_send(socket, parts[i].data(), parts[i].size(), flags) < 0) return;  // libzmq has given the peer up
    }
}

std::set<std::string> all_decoded(const std::vector<std::string>& keys) {
    std::set<std::string> found;
    for (const std::string& key : keys) found.insert(decoded(key));
    return found;
}

}  // namespace

Gatekeeper::Gatekeeper(void* context, const std::vector<std::string>& allowed)
    : allowed_(all_decoded(allowed)), socket_(zmq_socket(context, ZMQ_REP)) {
    if (socket_ == nullptr) throw_zmq("zmq_socket(ZMQ_REP)");
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_bind(socket_, kAddress) != 0) {
        zmq_close(socket_);
        throw_zmq("zmq_bind(who may connect)");
    }
}

bool Gatekeeper::answer(std::string& refused) {
    const std::vector<std::string> parts = receive(socket_);
    if (parts.empty()) return false;
    const bool whole = parts.size() == kKey + 1;
    const bool accepted = whole && parts[kMechanism] == "CURVE" && allowed_.contains(parts[kKey]);
    if (!accepted) refused = whole ? parts[kPeer] : "an unknown address";
    reply(socket_, parts.size() > kId ? parts[kId] : "", accepted);
    return true;
}

}  // namespace framehop::hop
