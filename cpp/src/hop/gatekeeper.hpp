// Decides who may connect, by ZAP (rfc.zeromq.org/spec/27): libzmq asks for each handshake, and waits for the answer
// without holding up anybody else.
#pragma once

#include <zmq.h>

#include <set>
#include <string>
#include <vector>

namespace framehop::hop {

// One per context, made before the socket that it guards binds. Not thread-safe.
class Gatekeeper {
  public:
    // `allowed`: public keys in Z85. Throws Errc::invalid_argument for what is no key, Errc::system.
    Gatekeeper(void* context, const std::vector<std::string>& allowed);
    ~Gatekeeper() { zmq_close(socket_); }
    Gatekeeper(const Gatekeeper&) = delete;
    Gatekeeper& operator=(const Gatekeeper&) = delete;

    [[nodiscard]] void* socket() const noexcept { return socket_; }
    // Answers one question; false if none waits. Puts the client that was refused into `refused`, which stays unchanged
    // otherwise.
    [[nodiscard]] bool answer(std::string& refused);

  private:
    std::set<std::string> allowed_;  // 32 bytes each
    void* socket_ = nullptr;
};

}  // namespace framehop::hop
