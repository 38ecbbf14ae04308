// Threads on one mapping: a writer that reuses slots as fast as it can, readers with one and several leases, a host
// that takes snapshots and reclaims. Under ThreadSanitizer this also proves the memory orders.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <random>
#include <thread>

#include "../shm_test_ring.hpp"
#include "framehop/shm/reader.hpp"
#include "framehop/shm/ring.hpp"

namespace framehop::shm {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kWidth = 32;
constexpr std::uint32_t kHeight = 4;
constexpr std::int64_t kFrames = 20'000;
constexpr std::size_t kRecent = 8;

std::uint8_t colour_of(const FrameTag& tag) { return static_cast<std::uint8_t>(tag.seq * 37 + tag.offset); }

bool all_of_one_colour(const ConstImageView& view, std::uint8_t colour) {
    return std::all_of(view.data, view.data + view.size_bytes(), [=](std::uint8_t byte) { return byte == colour; });
}

// What the hop would carry: the references published last, some of them stale.
class Board {
  public:
    void post(SlotId id) {
        const std::lock_guard lock(mutex_);
        recent_[next_++ % kRecent] = id;
    }
    SlotId pick(std::size_t which) {
        const std::lock_guard lock(mutex_);
        return recent_[which % kRecent];
    }

  private:
    std::mutex mutex_;
    std::array<SlotId, kRecent> recent_{};
    std::size_t next_ = 0;
};

struct Stress {
    TestRing ring{{.slot_count = 6, .tap_quota = 2, .slot_bytes = 4096}};
    Board board;
    std::atomic<bool> done{false};
    std::atomic<std::int64_t> leased{0};
    std::atomic<std::int64_t> torn{0};
    std::atomic<std::int64_t> published{0};
};

void write_frames(Stress& stress) {
    Ring ring(stress.ring.member(Role::writer, 0));
    for (std::int64_t seq = 0; seq < kFrames; ++seq) {
        const auto slot = ring.wait_acquire(tag_of(seq), 60s);
        if (!slot) break;
        const ImageView view = slot->image(kWidth, kHeight);
        std::fill_n(view.data, view.size_bytes(), colour_of(tag_of(seq)));
        if (seq % 16 == 15) continue;  // given back unpublished
        const SlotId id = slot->publish().id();
        ++stress.published;
        stress.board.post(id);
        if (seq % 4 != 3) std::this_thread::yield();
        ring.retire(id);
    }
    stress.done = true;
}

void look(Stress& stress, RingReader& reader, SlotId id) {
    const auto lease = reader.try_lease(id);
    if (!lease) return;
    ++stress.leased;
    const auto again = reader.try_lease(id);
    const std::uint8_t colour = colour_of(lease->tag());
    if (!all_of_one_colour(lease->image(), colour)) ++stress.torn;
    std::this_thread::yield();
    if (!all_of_one_colour(lease->image(), colour)) ++stress.torn;
}

void read_frames(Stress& stress, RingReader& reader, unsigned seed) {
    std::minstd_rand random(seed);
    while (!stress.done) look(stress, reader, stress.board.pick(random()));
}

// A holder that "dies" with leases again and again, so that reclaim races with everything else.
void die_often(Stress& stress, std::uint32_t holder, Role role) {
    SlotTable table = stress.ring.table();
    TapQuota quota(*stress.ring.control);
    std::minstd_rand random(holder);
    while (!stress.done) {
        if (role == Role::tap) static_cast<void>(quota.try_take(holder));
        for (int i = 0; i < 3; ++i) static_cast<void>(table.try_lease(stress.board.pick(random()), holder));
        std::this_thread::yield();
        table.reclaim(only(holder));
    }
}

void watch(Stress& stress) {
    const SlotTable table = stress.ring.table();
    while (!stress.done) {
        for (const SlotInfo& info : table.snapshot()) {
            if (info.tag && *info.tag != tag_of(info.tag->seq)) ++stress.torn;
        }
        std::this_thread::yield();
    }
}

TEST(RingStress, pixels_never_change_under_a_lease) {
    Stress stress;
    {
        RingReader detector(stress.ring.member(Role::detector, 1));
        RingReader tap(stress.ring.member(Role::tap, 2));
        const std::jthread writer([&] { write_frames(stress); });
        const std::jthread first([&] { read_frames(stress, detector, 1); });
        const std::jthread second([&] { read_frames(stress, detector, 2); });
        const std::jthread third([&] { read_frames(stress, tap, 3); });
        const std::jthread mortal([&] { die_often(stress, 3, Role::detector); });
        const std::jthread mortal_tap([&] { die_often(stress, 4, Role::tap); });
        const std::jthread host([&] { watch(stress); });
    }
    EXPECT_EQ(stress.torn, 0);
    EXPECT_EQ(stress.published, kFrames - kFrames / 16) << "the writer found no slot for a minute";
    EXPECT_GT(stress.leased, 0);
    EXPECT_EQ(stress.ring.table().free_slots(), 6U) << "nothing may stay pinned";
}

}  // namespace
}  // namespace framehop::shm
