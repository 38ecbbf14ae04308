// The links that there are go through the one suite.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

#include "framehop/base/unique_fd.hpp"
#include "hop_link_conformance.hpp"
#include "hop_raw_socket.hpp"

namespace framehop::hop {
namespace {

// ZeroMQ, by address.
class ZmqLinks {
  public:
    explicit ZmqLinks(const std::string& directory) : path_(directory + "/hop"), address_("ipc://" + path_) {}

    [[nodiscard]] std::unique_ptr<ServerLink> serve() const { return bind_link(address_); }
    [[nodiscard]] std::unique_ptr<ClientLink> connect() const { return connect_link(address_); }

    void harass() {
        const UniqueFd bare = stream_socket();
        const sockaddr_un there = unix_address();
        EXPECT_EQ(::connect(bare.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
        EXPECT_GT(::send(bare.get(), kNoise.data(), kNoise.size(), MSG_NOSIGNAL), 0);
        strangers_.push_back(std::make_unique<RawSocket>(ZMQ_DEALER, address_, false));
        RawSocket& stranger = *strangers_.back();
        for (int i = 0; i < 100; ++i) {
            stranger.send({});
            stranger.send(numbered(1), true);
            stranger.send(numbered(1), true);
            stranger.send(numbered(1));
        }
        strangers_.push_back(std::make_unique<RawSocket>(ZMQ_DEALER, address_, false));
        strangers_.back()->send(wire::Buffer(wire::kMaxToDetector + 1));
    }

    void impostor(std::chrono::milliseconds for_how_long) const {
        const UniqueFd listener = stream_socket();
        const sockaddr_un here = unix_address();
        EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
        EXPECT_EQ(::listen(listener.get(), 8), 0);
        const auto end = std::chrono::steady_clock::now() + for_how_long;
        while (std::chrono::steady_clock::now() < end) {
            pollfd call{.fd = listener.get(), .events = POLLIN, .revents = 0};
            if (::poll(&call, 1, 50) != 1) continue;
            const UniqueFd caller(::accept(listener.get(), nullptr, nullptr));
            (void)::send(caller.get(), kNoise.data(), kNoise.size(), MSG_NOSIGNAL);
            (void)::poll(nullptr, 0, 10);
        }
    }

  private:
    static constexpr std::string_view kNoise =
        "GET / HTTP/1.1\r\nHost: this is neither a greeting nor a handshake\r\n\r\n";

    [[nodiscard]] static UniqueFd stream_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
    [[nodiscard]] sockaddr_un unix_address() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        EXPECT_LT(path_.size(), sizeof address.sun_path);
        std::memcpy(address.sun_path, path_.data(), path_.size());
        return address;
    }

    std::string path_;
    std::string address_;
    std::vector<std::unique_ptr<RawSocket>> strangers_;  // they stay connected
};

INSTANTIATE_TYPED_TEST_SUITE_P(Zmq, LinkConformance, ZmqLinks);

}  // namespace
}  // namespace framehop::hop
