// The host while its thread can allocate nothing: operator new of this test program fails there on demand.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

#include "framehop/shm/host.hpp"
#include "framehop/shm/reader.hpp"
#include "framehop/shm/ring.hpp"
#include "shm_test_ring.hpp"

namespace {

std::atomic<bool> starving{false};            // nobody gets memory
thread_local bool spared = false;             // except the test's own thread
std::atomic<std::uint32_t> starved_calls{0};  // to know that somebody asked

}  // namespace

// noinline: seen together, GCC takes malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    if (starving.load() && !spared) {
        ++starved_calls;
        throw std::bad_alloc();
    }
    if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace framehop::shm {
namespace {

using namespace std::chrono_literals;

constexpr auto kLong = 30s;

template <class Condition>
bool until(Condition condition) {
    const auto deadline = Clock::now() + kLong;
    while (!condition()) {
        if (Clock::now() > deadline) return false;
        ::usleep(1000);
    }
    return true;
}

class Starvation {
  public:
    Starvation() {
        spared = true;
        starved_calls = 0;
        starving = true;
    }
    ~Starvation() { starving = false; }
    Starvation(const Starvation&) = delete;
    Starvation& operator=(const Starvation&) = delete;
};

class StarvingHostTest : public ::testing::Test {
  protected:
    PrivateDirectory directory;
    std::string path{directory.socket()};
    RingHost host{path, {.slot_count = 3, .tap_quota = 1, .slot_bytes = 4096}};
};

TEST_F(StarvingHostTest, drops_its_callers_and_serves_the_next_when_there_is_memory_again) {
    {
        const Starvation starvation;
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(code_of([&] { static_cast<void>(attach(path, Role::tap, kLong)); }), "system");
        }
        EXPECT_GT(starved_calls, 0U) << "the host's thread asked for no memory: the test shows nothing";
    }
    EXPECT_NO_THROW(attach(path, Role::tap, kLong));
}

TEST_F(StarvingHostTest, sees_off_the_departed_all_the_same) {
    RingReader first(attach(path, Role::tap, kLong));
    RingReader second(attach(path, Role::tap, kLong));
    const Starvation starvation;
    first.close();
    second.close();
    EXPECT_TRUE(until([&] { return host.holders().empty(); }));
}

}  // namespace
}  // namespace framehop::shm
