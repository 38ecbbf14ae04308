// Both ends over a real socket, against each other and against bare libzmq as a hostile peer.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "framehop/base/error.hpp"
#include "framehop/hop/hop_client.hpp"
#include "framehop/hop/hop_server.hpp"
#include "framehop/wire/serialise.hpp"
#include "hop_raw_socket.hpp"

namespace framehop::hop {
namespace {

using namespace std::chrono_literals;
constexpr auto kDeadline = 20s;
constexpr std::uint64_t kRing = 42;

class Hop : public testing::Test {
  protected:
    Hop() : directory(testing::TempDir() + "hopXXXXXX") {
        EXPECT_NE(::mkdtemp(directory.data()), nullptr);
        path = directory + "/hop";
        address = "ipc://" + path;
    }
    ~Hop() override { std::filesystem::remove_all(directory); }

    // Polls both ends until `done`, or fails.
    template <class Done>
    void run(HopServer* server, HopClient* client, Done done) {
        const auto deadline = std::chrono::steady_clock::now() + kDeadline;
        while (!done()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            if (server != nullptr) (void)server->poll(5ms, {}, seen);
            if (client != nullptr) (void)client->poll(5ms, {}, answers);
            if (client != nullptr) malformed = client->malformed();
        }
    }
    void greet(HopServer& server, HopClient& client) {
        run(&server, &client, [&] { return client.credits() > 0; });
    }

    std::string directory;
    std::string path;
    std::string address;
    ServerEvents seen;
    ClientEvents answers;
    std::uint64_t malformed = 0;
};

std::vector<wire::Descriptor> pictures(std::uint32_t count) {
    std::vector<wire::Descriptor> made;
    for (std::uint32_t slot = 0; slot < count; ++slot) {
        made.push_back({.slot = slot,
                        .generation = 1,
                        .source_width = 8,
                        .source_height = 8,
                        .width = 8,
                        .height = 8,
                        .stride = 24});
    }
    return made;
}

// Whether neither end can be made with so many descriptors left, and both say why. 16 are enough for a client.
bool both_ends_are_refused_with(rlim_t spare, const std::string& address) {
    const int highest = ::dup(0);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max = static_cast<rlim_t>(highest) + spare;
    ::close(highest);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    const auto says_why = [](const auto& make) {
        try {
            make();
        } catch (const Error& error) {
            return error.code() == Errc::system && std::string(error.what()).find("ulimit -n") != std::string::npos;
        }
        return false;
    };
    const bool server = says_why([&] { const HopServer made(address, 4); });
    return server && (spare > 16 || says_why([&] { const HopClient made(address, "/ring", kRing); }));
}

wire::Bytes text(std::string_view bytes) { return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}; }

TEST_F(Hop, credits_decide_how_much_is_unanswered) {
    HopServer server(address, 3);
    HopClient client(address, "/ring", kRing);
    auto two = pictures(2);
    EXPECT_FALSE(client.try_send(two)) << "before the welcome";
    greet(server, client);
    EXPECT_EQ(client.detector_id(), server.detector_id());
    ASSERT_EQ(seen.greetings.size(), 1U);
    EXPECT_EQ(seen.greetings[0].ring_path, "/ring");

    EXPECT_TRUE(client.try_send(two));
    EXPECT_FALSE(client.try_send(two)) << "two are unanswered, three allowed";
    run(&server, nullptr, [&] { return seen.requests.size() == 2; });
    EXPECT_TRUE(server.try_reply(seen.requests[1], {.batch_size = 2, .model = 3}, {}, ""));
    run(&server, &client, [&] { return answers.replies.size() == 1; });
    EXPECT_EQ(answers.replies[0].header.slot, 1U);
    EXPECT_EQ(answers.replies[0].header.model, 3U);
    EXPECT_TRUE(client.try_send(two));
    EXPECT_EQ(client.unanswered(), 3U);

    auto four = pictures(4);
    EXPECT_THROW((void)client.try_send(four), Error) << "more than will ever be granted";
}

TEST_F(Hop, a_doubled_answer_counts_once) {
    HopServer server(address, 8);
    HopClient client(address, "/ring", kRing);
    greet(server, client);
    auto one = pictures(1);
    ASSERT_TRUE(client.try_send(one));
    run(&server, nullptr, [&] { return seen.requests.size() == 1; });
    EXPECT_TRUE(server.try_reply(seen.requests[0], {}, {}, ""));
    EXPECT_TRUE(server.try_reply(seen.requests[0], {}, {}, ""));
    run(&server, &client, [&] { return malformed == 1; });
    EXPECT_EQ(answers.replies.size(), 1U);
    EXPECT_EQ(client.unanswered(), 0U);
}

TEST_F(Hop, the_server_drops_what_it_cannot_read) {
    HopServer server(address, 2);
    RawSocket stranger(ZMQ_DEALER, address, false);
    wire::Buffer hello = wire::serialise_hello(kRing, "/ring");
    stranger.send(text("garbage"));
    stranger.send({});
    stranger.send(wire::Bytes(hello).first(hello.size() - 1));
    stranger.send(hello, true);
    stranger.send(text("a second part"), true);
    stranger.send(text("and a third"));
    auto foreign = pictures(1);
    foreign[0].detector_id = server.detector_id() + 1 == 0 ? 1 : server.detector_id() + 1;
    stranger.send(wire::serialise_descriptors(foreign));
    stranger.send(hello);
    run(&server, nullptr, [&] { return !seen.greetings.empty(); });
    EXPECT_EQ(server.malformed(), 5U);
    EXPECT_TRUE(seen.requests.empty());
    EXPECT_TRUE(wire::parse_welcome(stranger.receive()));
}

// Descriptors that the server would look at, from a peer that never asked for credits.
wire::Buffer claims(const HopServer& server, std::uint32_t count) {
    auto made = pictures(count);
    for (wire::Descriptor& descriptor : made) descriptor.detector_id = server.detector_id();
    return wire::serialise_descriptors(made);
}

TEST_F(Hop, who_ignores_its_credits_is_disconnected_and_fills_nothing) {
    HopServer server(address, 3);
    HopClient client(address, "/ring", kRing);
    greet(server, client);
    RawSocket greedy(ZMQ_DEALER, address, false);
    greedy.watch();
    for (int i = 0; i < 1000; ++i) greedy.send(claims(server, 1));
    run(&server, &client, [&] { return server.malformed() > 0; });
    EXPECT_TRUE(greedy.is_lost());
    auto one = pictures(1);
    ASSERT_TRUE(client.try_send(one));
    run(&server, nullptr, [&] { return seen.requests.size() >= 4; });
    ASSERT_EQ(seen.requests.size(), 4U) << "three of the greedy one, one of the other";
    EXPECT_TRUE(server.try_reply(seen.requests[3], {}, {}, ""));
    run(&server, &client, [&] { return answers.replies.size() == 1; });
    EXPECT_FALSE(client.lost());
}

TEST_F(Hop, who_ignores_its_credits_over_shared_memory_is_disconnected_and_fills_nothing) {
    const std::string place = "shm://" + path;
    HopServer server(place, 3);
    HopClient client(place, "/ring", kRing);
    greet(server, client);
    const auto greedy = connect_link(place);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(greedy->try_send(claims(server, 1)), Sent::yes);
    std::vector<int> none;
    run(&server, &client, [&] {
        (void)greedy->wait(1ms, {}, none);
        return greedy->connection() == Connection::lost;
    });
    EXPECT_GT(server.malformed(), 0U);
    auto one = pictures(1);
    ASSERT_TRUE(client.try_send(one));
    run(&server, nullptr, [&] { return seen.requests.size() >= 4; });
    ASSERT_EQ(seen.requests.size(), 4U) << "three of the greedy one, one of the other";
    EXPECT_TRUE(server.try_reply(seen.requests[3], {}, {}, ""));
    run(&server, &client, [&] { return answers.replies.size() == 1; });
    EXPECT_FALSE(client.lost());
}

// More answers than its queue holds: those that are left out must be asked for again, not be waited for.
TEST_F(Hop, a_worker_that_leaves_too_many_answers_unread_is_disconnected_with_those_that_it_has) {
    constexpr std::uint32_t kPictures = 200;
    HopServer server("shm://" + path, kPictures);
    HopClient client("shm://" + path, "/ring", kRing);
    greet(server, client);
    auto sent = pictures(kPictures);
    ASSERT_TRUE(client.try_send(sent));
    run(&server, nullptr, [&] { return seen.requests.size() == kPictures; });
    const std::vector<wire::Box> boxes(wire::kMaxBoxes, {.x2 = 1, .y2 = 1, .confidence = 0.5F});
    std::size_t answered = 0;
    for (const Request& request : seen.requests) answered += server.try_reply(request, {}, boxes, "") ? 1 : 0;
    EXPECT_GT(answered, 64U) << "what the default credits allow";
    EXPECT_LT(answered, kPictures);
    run(&server, &client, [&] { return client.lost(); });
    EXPECT_EQ(answers.replies.size(), answered);
    EXPECT_EQ(client.unanswered(), kPictures - answered);
}

TEST_F(Hop, a_worker_that_cannot_be_served_is_disconnected_and_may_come_again) {
    for (const std::string link : {"shm://", "ipc://"}) {
        HopServer server(link + path, 4);
        HopClient client(link + path, "/ring", kRing);
        HopClient other(link + path, "/other", kRing + 1);
        greet(server, client);
        greet(server, other);
        ASSERT_EQ(seen.greetings.size(), 2U);
        for (const Greeting& greeting : seen.greetings) {
            if (greeting.ring_id == kRing) server.disconnect(greeting.peer);
        }
        run(&server, &client, [&] { return client.lost(); });
        HopClient again(link + path, "/ring", kRing);
        greet(server, again);
        auto one = pictures(1);
        EXPECT_TRUE(other.try_send(one));
        run(&server, &other, [&] { return !seen.requests.empty(); });
        EXPECT_FALSE(other.lost());
        seen = {};
    }
}

TEST_F(Hop, who_comes_again_under_a_name_of_its_own_can_be_disconnected) {
    HopServer server(address, 4);
    {
        RawSocket before(ZMQ_DEALER, address, false, 1000, "me");
        before.send(claims(server, 1));
        run(&server, nullptr, [&] { return !seen.requests.empty(); });
    }
    ASSERT_EQ(seen.requests.size(), 1U);
    // Until libzmq has forgotten it, another of its name is not heard.
    run(&server, nullptr, [&] { return !server.try_reply(seen.requests.front(), {}, {}, ""); });
    RawSocket named(ZMQ_DEALER, address, false, 1000, "me");
    named.watch();
    named.send(wire::serialise_hello(kRing, "/ring"));
    run(&server, nullptr, [&] { return !seen.greetings.empty(); });
    ASSERT_EQ(seen.greetings.size(), 1U);
    server.disconnect(seen.greetings.front().peer);
    EXPECT_TRUE(named.is_lost());
}

TEST_F(Hop, answers_give_the_credits_back) {
    HopServer server(address, 2);
    RawSocket worker(ZMQ_DEALER, address, false);
    for (std::size_t round = 0; round < 5; ++round) {
        worker.send(claims(server, 2));
        run(&server, nullptr, [&] { return seen.requests.size() == 2; });
        for (const Request& request : seen.requests) EXPECT_TRUE(server.try_reply(request, {}, {}, ""));
        seen = {};
    }
    EXPECT_EQ(server.malformed(), 0U);
}

TEST_F(Hop, too_few_descriptors_are_an_error_and_no_abort) {
    for (const rlim_t spare : {2U, 6U, 20U}) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) ::_exit(both_ends_are_refused_with(spare, address) ? 0 : 1);
        int status = -1;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0) << spare << " descriptors were left";
    }
}

TEST_F(Hop, the_client_drops_what_it_cannot_read) {
    RawSocket stranger(ZMQ_ROUTER, address, true);
    HopClient client(address, "/ring", kRing);
    const wire::Buffer peer = stranger.receive();
    EXPECT_TRUE(wire::parse_hello(stranger.receive()));
    const auto send = [&](wire::Bytes message) {
        stranger.send(peer, true);
        stranger.send(message);
    };
    const wire::Buffer unasked = wire::serialise_reply({.ring_id = kRing}, {}, "");
    send(text("garbage"));
    send(unasked);
    stranger.send(peer, true);
    stranger.send(unasked, true);
    stranger.send(text("a second part"));
    send(wire::serialise_welcome(7, 5));
    send(wire::serialise_welcome(8, 500));
    run(nullptr, &client, [&] { return malformed == 4; });
    EXPECT_EQ(client.detector_id(), 7U);
    EXPECT_EQ(client.credits(), 5U);

    auto one = pictures(1);
    ASSERT_TRUE(client.try_send(one));
    send(wire::serialise_reply({.ring_id = kRing + 1, .generation = 1}, {}, ""));
    send(wire::serialise_reply({.ring_id = kRing, .generation = 2}, {}, ""));
    send(wire::serialise_reply({.ring_id = kRing, .generation = 1}, {}, ""));
    run(nullptr, &client, [&] { return answers.replies.size() == 1; });
    EXPECT_EQ(malformed, 6U);
}

TEST_F(Hop, a_lost_client_stays_lost_even_with_a_successor_at_the_address) {
    auto server = std::make_unique<HopServer>(address, 4);
    HopClient client(address, "/ring", kRing);
    greet(*server, client);
    server.reset();
    HopServer successor(address, 4);
    run(&successor, &client, [&] { return client.lost(); });
    auto one = pictures(1);
    EXPECT_FALSE(client.try_send(one));
    EXPECT_EQ(client.credits(), 0U);
    HopClient next(address, "/ring", kRing);
    greet(successor, next);
    EXPECT_EQ(next.detector_id(), successor.detector_id());
}

TEST_F(Hop, a_gone_worker_is_told_by_the_reply) {
    HopServer server(address, 4);
    auto client = std::make_unique<HopClient>(address, "/ring", kRing);
    greet(server, *client);
    auto one = pictures(1);
    ASSERT_TRUE(client->try_send(one));
    run(&server, nullptr, [&] { return seen.requests.size() == 1; });
    client.reset();
    const Request request = seen.requests[0];
    run(&server, nullptr, [&] { return !server.try_reply(request, {}, {}, ""); });
}

TEST_F(Hop, a_client_may_come_first) {
    HopClient client(address, "/ring", kRing);
    HopServer server(address, 4);
    greet(server, client);
    EXPECT_FALSE(client.lost());
}

TEST_F(Hop, the_socket_file_is_replaced_and_removed) {
    {
        RawSocket stale(ZMQ_ROUTER, address, true);
    }  // libzmq leaves the file behind
    ASSERT_TRUE(std::filesystem::exists(path));
    {
        HopServer server(address, 4);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Hop, a_successors_socket_file_is_left_alone) {
    auto server = std::make_unique<HopServer>(address, 4);
    HopServer successor(address, 4);
    server.reset();
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(Hop, a_wake_fd_ends_the_wait) {
    HopServer server(address, 4);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const int fds[] = {ends[0]};
    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    EXPECT_TRUE(server.poll(kDeadline, fds, seen));
    EXPECT_EQ(seen.readable_fds, std::vector<int>{ends[0]});
    ::close(ends[1]);
    char byte = 0;
    ASSERT_EQ(::read(ends[0], &byte, 1), 1);
    seen = {};
    EXPECT_TRUE(server.poll(kDeadline, fds, seen)) << "end of file is readable";
    ::close(ends[0]);
}

TEST_F(Hop, a_forked_child_cannot_use_or_harm_it) {
    auto server = std::make_unique<HopServer>(address, 4);
    auto client = std::make_unique<HopClient>(address, "/ring", kRing);
    greet(*server, *client);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::alarm(20);  // a child that hangs ends by a signal and fails the test
        int failures = 0;
        try {
            (void)server->poll(1s, {}, seen);
            ++failures;
        } catch (const Error& error) {
            failures += error.code() != Errc::closed;
        }
        server.reset();
        client.reset();
        failures += !std::filesystem::exists(path);
        ::_exit(failures);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    auto one = pictures(1);
    EXPECT_TRUE(client->try_send(one));
    run(server.get(), client.get(), [&] { return seen.requests.size() == 1; });
}

// A link that never was: what the test says happens, happens.
class ScriptedLink final : public ClientLink {
  public:
    struct Script {
        Sent sent = Sent::yes;
        Connection connection = Connection::pending;
        std::vector<wire::Buffer> arriving;
    };
    explicit ScriptedLink(Script& script) : script_(script) {}

    [[nodiscard]] bool wait(std::chrono::nanoseconds, std::span<const int>, std::vector<int>&) override { return true; }
    [[nodiscard]] Received try_receive(Message& message) override {
        if (script_.arriving.empty()) return Received::nothing;
        taken_ = script_.arriving.front();
        script_.arriving.erase(script_.arriving.begin());
        message = {.peer = {}, .bytes = taken_};
        return taken_.empty() ? Received::malformed : Received::message;
    }
    [[nodiscard]] Sent try_send(wire::Bytes) override { return script_.sent; }
    [[nodiscard]] Connection connection() override { return script_.connection; }

  private:
    Script& script_;
    wire::Buffer taken_;
};

TEST_F(Hop, a_client_believes_the_link_that_it_was_given) {
    ScriptedLink::Script script;
    HopClient client(std::make_unique<ScriptedLink>(script), "/ring", kRing);
    script.arriving = {wire::serialise_welcome(7, 5), {}};
    EXPECT_TRUE(client.poll(0ns, {}, answers));
    EXPECT_EQ(client.credits(), 5U);
    EXPECT_EQ(client.malformed(), 1U);
    auto one = pictures(1);
    script.sent = Sent::full;
    EXPECT_FALSE(client.try_send(one));
    EXPECT_EQ(client.unanswered(), 0U);
    script.connection = Connection::lost;
    EXPECT_TRUE(client.poll(0ns, {}, answers));
    EXPECT_TRUE(client.lost());
    EXPECT_THROW(HopClient(std::make_unique<ScriptedLink>(script), "/ring", kRing), Error) << "the hello cannot leave";
}

TEST_F(Hop, both_ends_take_a_link) {
    HopServer server(bind_link(address), 4);
    HopClient client(connect_link(address), "/ring", kRing);
    greet(server, client);
    EXPECT_EQ(client.detector_id(), server.detector_id());
}

TEST_F(Hop, bad_credits_leave_a_predecessor_alone) {
    const HopServer server(address, 4);
    EXPECT_THROW(HopServer(address, 0), Error);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(Hop, refuses_addresses_and_credits_out_of_range) {
    for (const auto* bad : {"tcp://127.0.0.1:5555", "ipc://", "ipc://*", "ipc://@abstract", "hop", ""}) {
        EXPECT_THROW(HopServer(bad, 4), Error) << bad;
        EXPECT_THROW(HopClient(bad, "/ring", kRing), Error) << bad;
    }
    EXPECT_THROW(HopServer(address, 0), Error);
    EXPECT_THROW(HopServer(address, wire::kMaxDescriptors + 1), Error);
    EXPECT_THROW(HopServer("ipc://" + directory + "/missing/hop", 4), Error);
}

}  // namespace
}  // namespace framehop::hop
