// What every link of the hop must do, whatever it is made of. A link joins with a class of its own and one line:
//
//     struct MyLinks {
//         explicit MyLinks(const std::string& directory);  // empty, private, and removed by the suite
//         std::unique_ptr<ServerLink> serve();             // these two: always of the same address
//         std::unique_ptr<ClientLink> connect();
//         void harass();  // sends the server what no end of ours would, over the bare transport
//         void impostor(std::chrono::milliseconds);  // takes callers at the address for so long, and answers garbage
//     };
//     INSTANTIATE_TYPED_TEST_SUITE_P(Mine, LinkConformance, MyLinks);
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/hop/link.hpp"
#include "framehop/wire/serialise.hpp"

namespace framehop::hop {

using namespace std::chrono_literals;

// Far beyond any honest delay.
inline constexpr auto kLinkPatience = 30s;

// A message of `bytes` bytes, at least 8, that can be told from every other number's and checked for damage.
inline wire::Buffer numbered(std::uint64_t number, std::size_t bytes = 64) {
    wire::Buffer message(bytes, static_cast<std::uint8_t>(number * 7));
    std::memcpy(message.data(), &number, sizeof number);
    return message;
}

inline std::uint64_t number_of(wire::Bytes message) {
    std::uint64_t number = 0;
    if (message.size() >= sizeof number) std::memcpy(&number, message.data(), sizeof number);
    return number;
}

// A process of its own that runs `work` and then stands still, until it is killed.
class OtherProcess {
  public:
    explicit OtherProcess(const std::function<void()>& work) : pid_(::fork()) {
        EXPECT_GE(pid_, 0);
        if (pid_ != 0) return;
        ::alarm(60);  // should the parent be gone
        work();
        for (;;) ::pause();
    }
    ~OtherProcess() { kill(); }
    OtherProcess(const OtherProcess&) = delete;
    OtherProcess& operator=(const OtherProcess&) = delete;

    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

  private:
    pid_t pid_;
};

template <class Links>
class LinkConformance : public testing::Test {
  protected:
    LinkConformance() : directory_(made_directory()), links(directory_) {}
    ~LinkConformance() override { std::filesystem::remove_all(directory_); }

    // Calls `done` until it is true; between two calls, `link` waits.
    template <class Done>
    [[nodiscard]] static bool until(Link& link, Done done) {
        const auto deadline = std::chrono::steady_clock::now() + kLinkPatience;
        std::vector<int> none;
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            (void)link.wait(5ms, {}, none);
        }
        return true;
    }

    // The next message, as a copy. What is malformed is passed over.
    [[nodiscard]] static wire::Buffer next(Link& link, std::string* peer = nullptr) {
        Message message;
        wire::Buffer copy;
        EXPECT_TRUE(until(link, [&] { return link.try_receive(message) == Received::message; })) << "no message";
        copy.assign(message.bytes.begin(), message.bytes.end());
        if (peer != nullptr) peer->assign(message.peer.begin(), message.peer.end());
        return copy;
    }

    // Whether the next message at `link` is this one, undamaged.
    [[nodiscard]] static testing::AssertionResult brings(Link& link, std::uint64_t number, std::size_t bytes = 64) {
        const wire::Buffer found = next(link);
        if (found == numbered(number, bytes)) return testing::AssertionSuccess();
        return testing::AssertionFailure() << "number " << number << " of " << bytes << " bytes was due, not "
                                           << number_of(found) << " of " << found.size();
    }

    [[nodiscard]] static wire::Bytes bytes(const std::string& peer) {
        return {reinterpret_cast<const std::uint8_t*>(peer.data()), peer.size()};
    }

    // Both ends, which have heard of each other, and the server's name for the client.
    struct Pair {
        std::unique_ptr<ServerLink> server;
        std::unique_ptr<ClientLink> client;
        std::string peer;
    };
    [[nodiscard]] Pair pair() {
        Pair made{.server = links.serve(), .client = links.connect(), .peer = {}};
        EXPECT_EQ(made.client->try_send(numbered(0)), Sent::yes);
        EXPECT_EQ(number_of(next(*made.server, &made.peer)), 0U);
        EXPECT_TRUE(until(*made.client, [&] { return made.client->connection() == Connection::connected; }));
        return made;
    }

    [[nodiscard]] bool is_lost(ClientLink& client) {
        return until(client, [&] { return client.connection() == Connection::lost; });
    }
    // Sends until the server hears that there is nobody.
    [[nodiscard]] bool is_gone(ServerLink& server, const std::string& peer) {
        return until(server, [&] { return server.try_send(bytes(peer), numbered(0)) == Sent::unreachable; });
    }

  private:
    [[nodiscard]] static std::string made_directory() {
        std::string path = testing::TempDir() + "linkXXXXXX";
        EXPECT_NE(::mkdtemp(path.data()), nullptr);
        return path;
    }

    std::string directory_;

  protected:
    Links links;
};

TYPED_TEST_SUITE_P(LinkConformance);

TYPED_TEST_P(LinkConformance, messages_arrive_whole_and_in_order_both_ways) {
    const auto both = this->pair();
    for (const std::size_t size : {std::size_t{8}, std::size_t{64}, std::size_t{5000}, wire::kMaxToDetector}) {
        for (std::uint64_t i = 0; i < 50; ++i) EXPECT_EQ(both.client->try_send(numbered(i, size)), Sent::yes);
        for (std::uint64_t i = 0; i < 50; ++i) EXPECT_TRUE(this->brings(*both.server, i, size));
    }
    const wire::Bytes peer = this->bytes(both.peer);
    for (std::uint64_t i = 0; i < 500; ++i) EXPECT_EQ(both.server->try_send(peer, numbered(i, 8 + i)), Sent::yes);
    EXPECT_EQ(both.server->try_send(peer, numbered(500, wire::kMaxToWorker)), Sent::yes);
    for (std::uint64_t i = 0; i < 500; ++i) EXPECT_TRUE(this->brings(*both.client, i, 8 + i));
    EXPECT_TRUE(this->brings(*both.client, 500, wire::kMaxToWorker));
    Message message;
    EXPECT_EQ(both.client->try_receive(message), Received::nothing);
    EXPECT_EQ(both.server->try_receive(message), Received::nothing);
}

TYPED_TEST_P(LinkConformance, a_client_may_come_first) {
    const auto client = this->links.connect();
    EXPECT_EQ(client->connection(), Connection::pending);
    EXPECT_EQ(client->try_send(numbered(1)), Sent::yes);
    EXPECT_EQ(client->try_send(numbered(2)), Sent::yes);
    const auto server = this->links.serve();
    std::vector<int> none;
    (void)client->wait(100ms, {}, none);
    EXPECT_TRUE(this->brings(*server, 1));
    EXPECT_TRUE(this->brings(*server, 2));
    EXPECT_TRUE(this->until(*client, [&] { return client->connection() == Connection::connected; }));
}

TYPED_TEST_P(LinkConformance, the_server_addresses_the_peer_it_means) {
    constexpr std::uint64_t kPeers = 4;
    const auto server = this->links.serve();
    std::vector<std::unique_ptr<ClientLink>> clients;
    std::vector<std::string> peers(kPeers);
    for (std::uint64_t i = 0; i < kPeers; ++i) {
        clients.push_back(this->links.connect());
        EXPECT_EQ(clients[i]->try_send(numbered(i)), Sent::yes);
    }
    for (std::uint64_t i = 0; i < kPeers; ++i) {
        std::string peer;
        const std::uint64_t who = number_of(this->next(*server, &peer));
        ASSERT_LT(who, kPeers);
        peers[who] = peer;
    }
    for (std::uint64_t round = 0; round < 3; ++round) {
        for (std::uint64_t i = kPeers; i-- > 0;) {
            EXPECT_EQ(server->try_send(this->bytes(peers[i]), numbered(10 * round + i)), Sent::yes);
        }
    }
    for (std::uint64_t i = 0; i < kPeers; ++i) {
        for (std::uint64_t round = 0; round < 3; ++round) {
            EXPECT_TRUE(this->brings(*clients[i], 10 * round + i));
        }
        EXPECT_EQ(clients[i]->try_send(numbered(i)), Sent::yes);
        std::string peer;
        EXPECT_EQ(number_of(this->next(*server, &peer)), i);
        EXPECT_EQ(peer, peers[i]) << "a peer keeps its name";
    }
}

TYPED_TEST_P(LinkConformance, a_client_sees_the_loss_of_its_server_for_good) {
    auto both = this->pair();
    EXPECT_EQ(both.server->try_send(this->bytes(both.peer), numbered(5)), Sent::yes);
    EXPECT_TRUE(this->brings(*both.client, 5));
    both.server.reset();
    const auto successor = this->links.serve();
    EXPECT_TRUE(this->is_lost(*both.client));
    EXPECT_EQ(both.client->try_send(numbered(1)), Sent::unreachable);
    const auto other = this->links.connect();
    EXPECT_EQ(other->try_send(numbered(2)), Sent::yes);
    EXPECT_TRUE(this->brings(*successor, 2)) << "nothing of the lost client came before";
    EXPECT_EQ(both.client->connection(), Connection::lost);
}

TYPED_TEST_P(LinkConformance, a_server_sees_the_loss_of_a_client_and_keeps_the_others) {
    auto both = this->pair();
    const auto other = this->links.connect();
    EXPECT_EQ(other->try_send(numbered(3)), Sent::yes);
    std::string peer;
    EXPECT_EQ(number_of(this->next(*both.server, &peer)), 3U);
    both.client.reset();
    EXPECT_TRUE(this->is_gone(*both.server, both.peer));
    EXPECT_EQ(both.server->try_send(this->bytes(both.peer), numbered(0)), Sent::unreachable) << "and stays so";
    EXPECT_EQ(both.server->try_send(this->bytes(peer), numbered(4)), Sent::yes);
    EXPECT_TRUE(this->brings(*other, 4));
}

TYPED_TEST_P(LinkConformance, the_server_ends_one_client_and_keeps_the_others) {
    const auto both = this->pair();
    const auto other = this->links.connect();
    EXPECT_EQ(other->try_send(numbered(3)), Sent::yes);
    std::string peer;
    EXPECT_EQ(number_of(this->next(*both.server, &peer)), 3U);
    both.server->end(this->bytes(both.peer));  // who is not the one that was heard last
    both.server->end(this->bytes(both.peer));
    EXPECT_TRUE(this->is_lost(*both.client));
    EXPECT_TRUE(this->is_gone(*both.server, both.peer));
    EXPECT_EQ(both.server->try_send(this->bytes(peer), numbered(4)), Sent::yes);
    EXPECT_TRUE(this->brings(*other, 4));
    EXPECT_EQ(other->connection(), Connection::connected);
}

TYPED_TEST_P(LinkConformance, a_killed_server_is_noticed) {
    // The child comes first: it must not inherit a link in use.
    OtherProcess child([this] {
        const auto server = this->links.serve();
        std::string peer;
        const wire::Buffer hello = this->next(*server, &peer);
        (void)server->try_send(this->bytes(peer), hello);
        for (;;) ::pause();
    });
    const auto client = this->links.connect();
    EXPECT_EQ(client->try_send(numbered(1)), Sent::yes);
    EXPECT_TRUE(this->brings(*client, 1));
    child.kill();
    EXPECT_TRUE(this->is_lost(*client));
}

TYPED_TEST_P(LinkConformance, a_killed_client_is_noticed) {
    OtherProcess child([this] {
        const auto client = this->links.connect();
        (void)client->try_send(numbered(1));
        (void)this->until(*client, [&] { return client->connection() == Connection::connected; });
        for (;;) ::pause();
    });
    const auto server = this->links.serve();
    std::string peer;
    EXPECT_EQ(number_of(this->next(*server, &peer)), 1U);
    child.kill();
    EXPECT_TRUE(this->is_gone(*server, peer));
}

TYPED_TEST_P(LinkConformance, a_full_queue_refuses_and_keeps_what_it_took) {
    constexpr std::uint64_t kFarTooMany = 1'000'000;
    const auto both = this->pair();
    std::uint64_t taken = 0;
    Sent last = Sent::yes;
    while (taken < kFarTooMany && (last = both.client->try_send(numbered(taken, 256))) == Sent::yes) ++taken;
    EXPECT_EQ(last, Sent::full);
    EXPECT_GE(taken, wire::kMaxDescriptors) << "credits decide, not the queue";
    for (std::uint64_t i = 0; i < taken; ++i) ASSERT_TRUE(this->brings(*both.server, i, 256));
    EXPECT_TRUE(this->until(*both.client, [&] { return both.client->try_send(numbered(taken, 256)) == Sent::yes; }));
    EXPECT_TRUE(this->brings(*both.server, taken, 256)) << "there is room again";
}

TYPED_TEST_P(LinkConformance, a_peer_that_does_not_read_costs_only_itself) {
    constexpr std::uint64_t kFarTooMany = 1'000'000;
    const auto both = this->pair();
    const auto other = this->links.connect();
    EXPECT_EQ(other->try_send(numbered(3)), Sent::yes);
    std::string peer;
    EXPECT_EQ(number_of(this->next(*both.server, &peer)), 3U);
    std::uint64_t taken = 0;
    Sent last = Sent::yes;
    while (taken < kFarTooMany &&
           (last = both.server->try_send(this->bytes(both.peer), numbered(taken, 256))) == Sent::yes) {
        ++taken;
    }
    EXPECT_EQ(last, Sent::full);
    EXPECT_GE(taken, wire::kMaxDescriptors);
    EXPECT_EQ(both.server->try_send(this->bytes(peer), numbered(4)), Sent::yes);
    EXPECT_TRUE(this->brings(*other, 4));
    for (std::uint64_t i = 0; i < taken; ++i) ASSERT_TRUE(this->brings(*both.client, i, 256));
}

TYPED_TEST_P(LinkConformance, wake_fds_end_a_wait_at_both_ends) {
    const auto both = this->pair();
    for (Link* link : {static_cast<Link*>(both.server.get()), static_cast<Link*>(both.client.get())}) {
        int quiet[2];
        int ends[2];
        ASSERT_EQ(::pipe(quiet), 0);
        ASSERT_EQ(::pipe(ends), 0);
        const int fds[] = {quiet[0], ends[0]};
        std::vector<int> readable;
        // Something else may end a wait as well, so they are asked until the descriptor shows.
        const auto woken = [&] { return link->wait(kLinkPatience, fds, readable) && !readable.empty(); };
        ASSERT_EQ(::write(ends[1], "x", 1), 1);
        EXPECT_TRUE(this->until(*link, woken));
        EXPECT_EQ(readable, std::vector<int>{ends[0]});
        char byte = 0;
        ASSERT_EQ(::read(ends[0], &byte, 1), 1);
        readable.clear();
        (void)link->wait(0ns, fds, readable);
        EXPECT_TRUE(readable.empty()) << "nothing is left to read";
        std::thread late([&] {
            std::this_thread::sleep_for(20ms);  // the wait should have begun; if it has not, it ends at once
            ::close(ends[1]);
        });
        EXPECT_TRUE(this->until(*link, woken)) << "a hang-up is an event, too";
        EXPECT_EQ(readable, std::vector<int>{ends[0]});
        late.join();
        for (const int fd : {quiet[0], quiet[1], ends[0]}) ::close(fd);
    }
}

TYPED_TEST_P(LinkConformance, a_wait_ends_with_its_time_and_with_a_message) {
    const auto both = this->pair();
    std::vector<int> none;
    for (Link* link : {static_cast<Link*>(both.server.get()), static_cast<Link*>(both.client.get())}) {
        EXPECT_TRUE(this->until(*link, [&] { return !link->wait(0ns, {}, none); })) << "nothing is there";
        // A wait may end for nothing, but says that its time is over only when it is.
        auto start = std::chrono::steady_clock::now();
        while (link->wait(30ms, {}, none)) start = std::chrono::steady_clock::now();
        EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
    }
    std::thread late([&] {
        std::this_thread::sleep_for(20ms);  // likewise
        EXPECT_EQ(both.client->try_send(numbered(1)), Sent::yes);
    });
    EXPECT_TRUE(both.server->wait(kLinkPatience, {}, none));
    late.join();
    EXPECT_TRUE(both.server->wait(kLinkPatience, {}, none)) << "a message at hand ends every wait until it is taken";
    EXPECT_TRUE(this->brings(*both.server, 1));
    EXPECT_TRUE(none.empty());
}

TYPED_TEST_P(LinkConformance, garbage_from_a_stranger_harms_nobody) {
    const auto both = this->pair();
    this->links.harass();
    const auto end = std::chrono::steady_clock::now() + 300ms;  // garbage needs time to arrive
    for (std::uint64_t i = 1; i <= 20 || std::chrono::steady_clock::now() < end; ++i) {
        EXPECT_EQ(both.client->try_send(numbered(i)), Sent::yes);
        std::string peer;
        std::uint64_t number = 0;
        // What a stranger says in the transport's own words may come through, under the stranger's name.
        do number = number_of(this->next(*both.server, &peer));
        while (peer != both.peer && !this->HasFailure());
        EXPECT_EQ(number, i);
        EXPECT_EQ(both.server->try_send(this->bytes(both.peer), numbered(i)), Sent::yes);
        ASSERT_TRUE(this->brings(*both.client, i));
    }
    EXPECT_EQ(both.client->connection(), Connection::connected);
}

TYPED_TEST_P(LinkConformance, an_impostor_is_no_server) {
    std::thread impostor([this] { this->links.impostor(500ms); });
    const auto client = this->links.connect();
    EXPECT_EQ(client->try_send(numbered(1)), Sent::yes);
    const auto end = std::chrono::steady_clock::now() + 400ms;
    std::vector<int> none;
    Message message;
    while (std::chrono::steady_clock::now() < end) {
        (void)client->wait(20ms, {}, none);
        EXPECT_NE(client->try_receive(message), Received::message);
        EXPECT_NE(client->connection(), Connection::connected);
    }
    impostor.join();
}

TYPED_TEST_P(LinkConformance, a_forked_child_can_only_destroy_it) {
    auto both = this->pair();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::alarm(20);  // a child that hangs ends by a signal and fails the test
        int failures = 0;
        std::vector<int> none;
        Message message;
        const auto refused = [&failures](const auto& call) {
            try {
                call();
                ++failures;
            } catch (const Error& error) {
                failures += error.code() != Errc::closed;
            }
        };
        for (Link* link : {static_cast<Link*>(both.server.get()), static_cast<Link*>(both.client.get())}) {
            refused([&] { (void)link->wait(1s, {}, none); });
            refused([&] { (void)link->try_receive(message); });
        }
        refused([&] { (void)both.client->try_send(numbered(1)); });
        refused([&] { (void)both.client->connection(); });
        refused([&] { (void)both.server->try_send(this->bytes(both.peer), numbered(1)); });
        refused([&] { both.server->end(this->bytes(both.peer)); });
        both.client.reset();
        both.server.reset();
        ::_exit(failures);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(both.client->try_send(numbered(2)), Sent::yes);
    EXPECT_TRUE(this->brings(*both.server, 2));
    const auto later = this->links.connect();
    EXPECT_EQ(later->try_send(numbered(3)), Sent::yes);
    EXPECT_TRUE(this->brings(*both.server, 3)) << "the address is still served";
}

TYPED_TEST_P(LinkConformance, a_forked_child_of_a_killed_server_keeps_no_successor_away) {
    int over[2];   // the child's child lives until its writing end is closed
    int ready[2];  // the child's child says here that it lives
    ASSERT_EQ(::pipe(over), 0);
    ASSERT_EQ(::pipe(ready), 0);
    OtherProcess first([&] {
        ::close(over[1]);
        const auto server = this->links.serve();
        char byte = 0;
        if (::fork() == 0) {
            ::alarm(60);
            if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
            ::_exit(::read(over[0], &byte, 1) == 0 ? 0 : 1);
        }
        for (;;) ::pause();
    });
    ::close(ready[1]);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    first.kill();
    const auto successor = this->links.serve();
    const auto client = this->links.connect();
    EXPECT_EQ(client->try_send(numbered(1)), Sent::yes);
    EXPECT_TRUE(this->brings(*successor, 1));
    for (const int fd : {over[0], over[1], ready[0]}) ::close(fd);
}

REGISTER_TYPED_TEST_SUITE_P(LinkConformance, messages_arrive_whole_and_in_order_both_ways, a_client_may_come_first,
                            the_server_addresses_the_peer_it_means, a_client_sees_the_loss_of_its_server_for_good,
                            a_server_sees_the_loss_of_a_client_and_keeps_the_others,
                            the_server_ends_one_client_and_keeps_the_others, a_killed_server_is_noticed,
                            a_killed_client_is_noticed, a_full_queue_refuses_and_keeps_what_it_took,
                            a_peer_that_does_not_read_costs_only_itself, wake_fds_end_a_wait_at_both_ends,
                            a_wait_ends_with_its_time_and_with_a_message, garbage_from_a_stranger_harms_nobody,
                            an_impostor_is_no_server, a_forked_child_can_only_destroy_it,
                            a_forked_child_of_a_killed_server_keeps_no_successor_away);

}  // namespace framehop::hop
