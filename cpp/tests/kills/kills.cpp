// kill -9 of workers, detectors and taps under load on the shared-memory link, so many times as the command says. After
// each the work has to go on; at the end every frame has one answer, no picture was torn, and every slot and descriptor
// is back. A seed as the second argument repeats the choices, not the instants.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <random>
#include <string>

#include "framehop/shm/host.hpp"
#include "pictures.hpp"
#include "players.hpp"

namespace framehop::kills {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{60};
constexpr unsigned kLongestPauseUs = 3000;

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::exit(1);
}

void await(const std::string& what, const std::function<bool()>& holds) {
    for (const auto deadline = Clock::now() + kPatience; !holds(); ::usleep(200)) {
        if (Clock::now() > deadline) fail("did not come: " + what);
    }
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// One player after the other in one part.
class Part {
  public:
    Part(std::string name, std::function<void()> play) : name_(std::move(name)), play_(std::move(play)) {}

    void start() {
        pid_ = ::fork();
        if (pid_ < 0) fail("fork");
        if (pid_ == 0) ::_exit(played());
    }

    // Fails when it has ended by itself.
    void kill() {
        ::kill(pid_, SIGKILL);
        const int status = ended();
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) fail("the " + name_ + " ended by itself");
        ++killed;
    }
    [[nodiscard]] int ended() {
        int status = -1;
        ::waitpid(pid_, &status, 0);
        return status;
    }
    [[nodiscard]] const std::string& name() const { return name_; }

    std::uint64_t killed = 0;

  private:
    [[nodiscard]] int played() const {
        ::alarm(300);  // should the parent be gone
        try {
            play_();
            return 0;
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s: %s\n", name_.c_str(), error.what());
            return 1;
        }
    }

    std::string name_;
    std::function<void()> play_;
    pid_t pid_ = -1;
};

void kill_at_random(std::array<Part, 4>& parts, std::uint64_t kills, std::uint64_t seed, Ledger& ledger) {
    std::mt19937_64 chance(seed);
    for (std::uint64_t i = 0; i < kills; ++i) {
        const std::uint64_t before = ledger.answers;
        await("an answer after the last kill", [&] { return ledger.answers > before; });
        ::usleep(static_cast<useconds_t>(chance() % kLongestPauseUs));  // the random instant is the point
        Part& victim = parts[chance() % parts.size()];
        victim.kill();
        victim.start();
    }
}

// Lets the worker finish, ends the others, and returns what is amiss.
std::uint64_t settle(std::array<Part, 4>& parts, shm::RingHost& host, Ledger& ledger) {
    ledger.over = true;
    ::alarm(static_cast<unsigned>(kPatience.count()));  // a worker that never finishes ends all of it
    if (parts[0].ended() != 0) fail("the last worker did not end well");
    ::alarm(0);
    for (std::size_t i = 1; i < parts.size(); ++i) parts[i].kill();
    await("the end of every place in the ring", [&] { return host.holders().empty(); });
    std::uint64_t held = 0;
    for (const shm::SlotInfo& slot : host.slots()) held += slot.state != shm::SlotState::free || slot.leases != 0;
    const std::uint64_t unanswered = ledger.unanswered();
    std::printf("%lu frames, %lu unanswered, %lu doubled; %lu looks, %lu torn, %lu wrong answers; %lu slots held\n",
                ledger.answers.load(), unanswered, ledger.doubled.load(), ledger.looks.load(), ledger.torn.load(),
                ledger.wrong.load(), held);
    return unanswered + ledger.doubled + ledger.torn + ledger.wrong + held;
}

std::uint64_t play(const std::string& directory, std::uint64_t kills, std::uint64_t seed) {
    const Place place{.ring = directory + "/ring", .hop = "shm://" + directory + "/hop"};
    Ledger& ledger = Ledger::make();
    shm::RingHost host(place.ring, shm::plan_geometry(8, kSlotBytes, 2));
    std::array<Part, 4> parts{
        Part("worker", [&] { work(place, ledger); }), Part("detector", [&] { detect(place, ledger); }),
        Part("tap", [&] { look_on(place, ledger); }), Part("tap", [&] { look_on(place, ledger); })};
    for (Part& part : parts) part.start();
    kill_at_random(parts, kills, seed, ledger);
    const std::uint64_t amiss = settle(parts, host, ledger);
    for (const Part& part : parts) std::printf("%lu × %s  ", part.killed, part.name().c_str());
    std::printf("\n");
    return amiss;
}

int run(std::uint64_t kills, std::uint64_t seed) {
    std::printf("%lu kills, seed %lu\n", kills, seed);
    std::fflush(stdout);  // or each child has it too
    std::string directory = (std::filesystem::temp_directory_path() / "kills-XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr) fail("mkdtemp");
    const std::size_t before = open_descriptors();
    const std::uint64_t amiss = play(directory, kills, seed);
    std::filesystem::remove_all(directory);
    if (open_descriptors() != before) fail("descriptors were left open");
    return amiss == 0 ? 0 : 1;
}

}  // namespace
}  // namespace framehop::kills

int main(int argc, char** argv) {
    const std::uint64_t kills = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device()();
    return framehop::kills::run(kills, seed);
}
