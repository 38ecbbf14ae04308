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
#include "shm_other_process.hpp"
#include "shm_test_ring.hpp"

namespace {

std::atomic<bool> starving{false};            // nobody gets memory
thread_local bool spared = false;             // except the test's own thread
std::atomic<std::uint32_t> starved_calls{0};  // to know that somebody asked
thread_local int until_failure = -1;          // allocations of this thread before one fails, once; negative: none does

}  // namespace

// noinline: seen together, GCC takes malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    if (until_failure >= 0 && until_failure-- == 0) throw std::bad_alloc();
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

// Calls `call` with its first allocation failing, then its second, until it needs no more than there are.
template <class Call>
int fail_each_allocation(Call call) {
    for (int allowed = 0;; ++allowed) {
        until_failure = allowed;
        try {
            call();
            const bool failed = until_failure < 0;
            until_failure = -1;
            if (!failed) return allowed;
        } catch (const std::bad_alloc&) {
            until_failure = -1;
        }
    }
}

FrameTag long_tag() { return {.stream = std::string(100, 'x'), .epoch = 1, .seq = 1, .partition = 0, .offset = 0}; }

TEST(Starving, a_slot_that_could_not_be_handed_out_is_free) {
    const TestRing test_ring({.slot_count = 2, .tap_quota = 0, .slot_bytes = 4096});
    Ring ring(test_ring.member(Role::writer, 0));
    const FrameTag tag = long_tag();
    EXPECT_GT(fail_each_allocation([&] { static_cast<void>(ring.try_acquire(tag)); }), 0);
    EXPECT_GT(fail_each_allocation([&] { static_cast<void>(ring.wait_acquire(tag, 0s)); }), 0);
    EXPECT_EQ(ring.free_slots(), 2U);
}

TEST(Starving, a_lease_that_could_not_be_given_has_ended) {
    const TestRing test_ring({.slot_count = 2, .tap_quota = 1, .slot_bytes = 4096});
    Ring ring(test_ring.member(Role::writer, 0));
    RingReader reader(test_ring.member(Role::tap, 5));
    const auto slot = ring.try_acquire(long_tag());
    static_cast<void>(slot->image(1, 1));
    const SlotId id = slot->publish().id();
    EXPECT_GT(fail_each_allocation([&] { static_cast<void>(reader.try_lease(id)); }), 0);
    EXPECT_EQ(test_ring.table().leases_of(5), 0U);
    EXPECT_TRUE(reader.try_lease(id)) << "and its ticket is back";
}

TEST_F(StarvingHostTest, drops_its_callers_and_serves_the_next_when_there_is_memory_again) {
    {
        const Starvation starvation;
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(code_of([&] { static_cast<void>(attach(path, Role::detector, kLong)); }), "system");
        }
        EXPECT_GT(starved_calls, 0U) << "the host's thread asked for no memory: the test shows nothing";
    }
    EXPECT_NO_THROW(attach(path, Role::detector, kLong));
}

TEST_F(StarvingHostTest, sees_off_the_departed_all_the_same) {
    RingReader first(attach(path, Role::detector, kLong));
    RingReader second(attach(path, Role::detector, kLong));
    const Starvation starvation;
    first.close();
    second.close();
    EXPECT_TRUE(until([&] { return host.holders().empty(); }));
}

}  // namespace
}  // namespace framehop::shm
