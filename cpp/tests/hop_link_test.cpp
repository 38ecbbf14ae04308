// The links that there are go through the one suite.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "framehop/base/unique_fd.hpp"
#include "framehop/shm/local_socket.hpp"
#include "hop_link_conformance.hpp"
#include "hop_raw_socket.hpp"
#include "shm_channel.hpp"
#include "shm_wait.hpp"

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

// Shared memory, by address.
class ShmLinks {
  public:
    explicit ShmLinks(const std::string& directory) : path_(directory + "/hop"), address_("shm://" + path_) {}

    [[nodiscard]] std::unique_ptr<ServerLink> serve() const { return bind_link(address_); }
    [[nodiscard]] std::unique_ptr<ClientLink> connect() const { return connect_link(address_); }

    void harass() {
        // The memory with every index and byte at its wildest, behind an introduction that is in order.
        UniqueFd wild = make_channel_memory();
        const std::vector<std::uint8_t> noise(8192, 0xEE);
        EXPECT_EQ(::pwrite(wild.get(), noise.data(), noise.size(), 64), static_cast<ssize_t>(noise.size()));
        UniqueFd sparse(::memfd_create("sparse", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        EXPECT_EQ(::ftruncate(sparse.get(), 1 << 20), 0);
        EXPECT_EQ(::fcntl(sparse.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
        const UniqueFd bell = make_bell();
        const Handshake fine;
        const Handshake other{.version = kChannelVersion + 1};
        for (const int memory : {wild.get(), sparse.get(), bell.get()}) stranger(fine, {memory, bell.get()});
        stranger(other, {wild.get(), bell.get()});
        stranger(fine, {wild.get(), wild.get()});
        stranger(fine, {});
        for (int i = 0; i < 40; ++i) strangers_.push_back(shm::connect_to(path_));  // and say nothing
    }

    // It takes what the client hands over, and answers with a welcome that is none.
    void impostor(std::chrono::milliseconds for_how_long) const {
        const shm::Listener listener(path_);
        const auto end = std::chrono::steady_clock::now() + for_how_long;
        while (std::chrono::steady_clock::now() < end) {
            if (!shm::wait_readable(listener.fd(), 50ms)) continue;
            const UniqueFd caller = listener.try_accept();
            const Handshake answer;
            (void)shm::try_send(caller.get(), std::as_bytes(std::span(&answer, 1)), {});
            (void)::poll(nullptr, 0, 10);
        }
    }

  private:
    void stranger(const Handshake& says, std::vector<int> fds) {
        strangers_.push_back(shm::connect_to(path_));
        EXPECT_TRUE(shm::try_send(strangers_.back().get(), std::as_bytes(std::span(&says, 1)), fds));
    }

    std::string path_;
    std::string address_;
    std::vector<UniqueFd> strangers_;  // they stay connected
};

TEST(ShmLink, a_bell_that_could_block_is_none) {
    const UniqueFd bell = make_bell();
    const UniqueFd blocking(::eventfd(0, EFD_CLOEXEC));
    const UniqueFd memory = make_channel_memory();
    EXPECT_TRUE(is_bell(bell.get()));
    EXPECT_FALSE(is_bell(blocking.get()));
    EXPECT_FALSE(is_bell(memory.get()));
    EXPECT_FALSE(is_bell(-1));
}

// Whether both waits say that too few descriptors are left: `spare` of those for socket, memory and process.
int failures_without_descriptors(ClientLink& client, rlim_t spare) {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const int lowest = ::dup(0);
    ::close(lowest);
    const rlimit low{.rlim_cur = static_cast<rlim_t>(lowest) + spare, .rlim_max = before.rlim_max};
    int failures = ::setrlimit(RLIMIT_NOFILE, &low) == 0 ? 0 : 1;
    for (int i = 0; i < 2; ++i) {
        std::vector<int> none;
        try {
            (void)client.wait(kLinkPatience, {}, none);
            ++failures;
        } catch (const Error& error) {
            failures += error.code() != Errc::system;
        }
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
    return failures;
}

int failures_of_a_client_that_ran_out_half_way(const std::string& address) {
    ::alarm(60);
    const auto server = bind_link(address);
    const auto client = connect_link(address);
    int failures = 0;
    for (const rlim_t spare : {0U, 1U, 2U}) failures += failures_without_descriptors(*client, spare);
    failures += client->try_send(numbered(7)) != Sent::yes;
    std::vector<int> none;
    Message message;
    while (server->try_receive(message) != Received::message) {
        (void)client->wait(5ms, {}, none);
        (void)server->wait(5ms, {}, none);
    }
    return failures + (number_of(message.bytes) != 7);
}

TEST(ShmLink, a_lack_of_descriptors_half_way_is_said_and_got_over) {
    std::string directory = testing::TempDir() + "framehop-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(failures_of_a_client_that_ran_out_half_way("shm://" + directory + "/hop"));
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    std::filesystem::remove_all(directory);
}

// Strangers take all descriptors that are left and more; once there are some again, an honest client is served.
int failures_of_a_server_that_strangers_exhaust(const std::string& path) {
    ::alarm(60);
    const auto server = bind_link("shm://" + path);
    std::vector<UniqueFd> strangers;
    for (int i = 0; i < 12; ++i) strangers.push_back(shm::connect_to(path));
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const int lowest = ::dup(0);
    ::close(lowest);
    const rlimit low{.rlim_cur = static_cast<rlim_t>(lowest) + 6, .rlim_max = before.rlim_max};
    int failures = ::setrlimit(RLIMIT_NOFILE, &low) == 0 ? 0 : 1;
    std::vector<int> none;
    for (int i = 0; i < 20; ++i) (void)server->wait(5ms, {}, none);
    failures += ::dup(0) >= 0;  // the strangers have taken them all
    ::setrlimit(RLIMIT_NOFILE, &before);
    strangers.clear();
    const auto client = connect_link("shm://" + path);
    failures += client->try_send(numbered(7)) != Sent::yes;
    Message message;
    while (server->try_receive(message) != Received::message) {
        (void)client->wait(5ms, {}, none);
        (void)server->wait(5ms, {}, none);
    }
    return failures + (number_of(message.bytes) != 7);
}

TEST(ShmLink, strangers_beyond_the_last_descriptor_end_nobody) {
    std::string directory = testing::TempDir() + "framehop-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(failures_of_a_server_that_strangers_exhaust(directory + "/hop"));
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    std::filesystem::remove_all(directory);
}

TEST(ShmLink, an_introduction_is_heard_however_many_come_behind_it) {
    std::string directory = testing::TempDir() + "framehop-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const auto server = bind_link("shm://" + directory + "/hop");
    const auto client = connect_link("shm://" + directory + "/hop");
    EXPECT_EQ(client->try_send(numbered(7)), Sent::yes);  // it has introduced itself
    std::vector<UniqueFd> strangers;
    for (int i = 0; i < 40; ++i) strangers.push_back(shm::connect_to(directory + "/hop"));
    std::vector<int> none;
    EXPECT_TRUE(server->wait(kLinkPatience, {}, none));
    Message message;
    ASSERT_EQ(server->try_receive(message), Received::message);
    EXPECT_EQ(number_of(message.bytes), 7U);
    std::filesystem::remove_all(directory);
}

// Connections of introduced workers, each with the same memory and bell; the server looks after each. Returns those
// that it keeps.
std::vector<UniqueFd> introduce_many(ServerLink& server, const std::string& path, int count) {
    const UniqueFd memory = make_channel_memory();
    const UniqueFd bell = make_bell();
    const std::array fds{memory.get(), bell.get()};
    std::vector<UniqueFd> kept;
    std::vector<int> none;
    for (int i = 0; i < count; ++i) {
        UniqueFd worker = shm::connect_to(path);
        Handshake word;
        EXPECT_TRUE(shm::try_send(worker.get(), std::as_bytes(std::span(&word, 1)), fds));
        std::optional<shm::Received> answer;
        const auto end = std::chrono::steady_clock::now() + kLinkPatience;
        while (!answer && std::chrono::steady_clock::now() < end) {
            (void)server.wait(5ms, {}, none);
            answer = shm::try_receive(worker.get(), std::as_writable_bytes(std::span(&word, 1)));
        }
        if (answer && answer->bytes == sizeof word) kept.push_back(std::move(worker));
    }
    return kept;
}

TEST(ShmLink, no_more_than_128_workers_are_kept_at_a_time) {
    std::string directory = testing::TempDir() + "framehop-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const auto server = bind_link("shm://" + directory + "/hop");
    std::vector<UniqueFd> kept = introduce_many(*server, directory + "/hop", 132);
    EXPECT_EQ(kept.size(), 128U);
    kept.resize(126);
    EXPECT_EQ(introduce_many(*server, directory + "/hop", 4).size(), 2U);
    std::filesystem::remove_all(directory);
}

INSTANTIATE_TYPED_TEST_SUITE_P(Zmq, LinkConformance, ZmqLinks);
INSTANTIATE_TYPED_TEST_SUITE_P(Shm, LinkConformance, ShmLinks);

}  // namespace
}  // namespace framehop::hop
