#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <thread>

#include "codec_pictures.hpp"
#include "framehop/base/failpoint.hpp"
#include "framehop/codec/batch.hpp"

namespace framehop::codec {
namespace {

using testing::Buffer;
using testing::error_of;
using testing::GuardedPicture;
using testing::make_jpeg;

// A batch whose targets are pictures of its own, and what became of each.
class Batch {
  public:
    void add(const Buffer& jpeg, Size minimum = {}) {
        Entry& entry = entries_.emplace_back();
        entry.jpeg = jpeg;
        tasks_.push_back({.bytes = entry.jpeg,
                          .target =
                              [&entry, minimum](Size source) {
                                  const Size size = scaled_size(source, minimum);
                                  entry.picture.emplace(size.width, size.height);
                                  return entry.picture->view();
                              },
                          .done = [&entry](bool ok) { entry.done += ok ? 1 : 100; }});
    }
    std::vector<DecodeOutcome> run(BatchDecoder& decoder) {
        std::vector<DecodeOutcome> outcomes(tasks_.size());
        decoder.decode(tasks_, outcomes);
        return outcomes;
    }
    [[nodiscard]] DecodeTask& task(std::size_t i) { return tasks_[i]; }
    // 1: done(true) once; 100: done(false) once.
    [[nodiscard]] int done(std::size_t i) const { return entries_[i].done; }
    [[nodiscard]] const GuardedPicture& picture(std::size_t i) const { return *entries_[i].picture; }

  private:
    struct Entry {
        Buffer jpeg;
        std::optional<GuardedPicture> picture;
        int done = 0;
    };
    std::deque<Entry> entries_;  // tasks point into it
    std::vector<DecodeTask> tasks_;
};

std::string code(const DecodeOutcome& outcome) { return outcome.error ? std::string(name(*outcome.error)) : "decoded"; }

TEST(BatchDecoder, decodes_more_pictures_than_it_has_threads) {
    BatchDecoder decoder(3, kDefaultMaxPixels);
    Batch batch;
    for (int k = 0; k < 20; ++k) batch.add(make_jpeg(40 + k, 30), {20, 10});
    const std::vector<DecodeOutcome> outcomes = batch.run(decoder);
    for (std::size_t k = 0; k < outcomes.size(); ++k) {
        const Size source{40 + static_cast<std::uint32_t>(k), 30};
        EXPECT_EQ(code(outcomes[k]), "decoded");
        EXPECT_EQ(outcomes[k].source, source);
        EXPECT_EQ(batch.picture(k).view().width, scaled_size(source, {20, 10}).width);
        EXPECT_EQ(batch.done(k), 1);
    }
}

TEST(BatchDecoder, poison_fails_alone) {
    const Buffer good = make_jpeg(64, 48);
    const Buffer truncated(good.begin(), good.end() - 40);
    const Buffer cmyk = make_jpeg(64, 48, {.pixel_format = TJPF_CMYK});
    for (const unsigned threads : {1U, 4U}) {
        BatchDecoder decoder(threads, kDefaultMaxPixels);
        Batch batch;
        for (const Buffer& jpeg : {good, {}, good, truncated, good, testing::bomb(), good, cmyk, good}) batch.add(jpeg);
        const std::vector<DecodeOutcome> outcomes = batch.run(decoder);
        EXPECT_EQ(code(outcomes[1]), "corrupt_picture");
        EXPECT_EQ(code(outcomes[3]), "corrupt_picture");
        EXPECT_EQ(code(outcomes[5]), "picture_too_large");
        EXPECT_EQ(code(outcomes[7]), "unsupported_picture");
        GuardedPicture alone(64, 48);
        decode(good, {64, 48}, alone.view());
        for (const std::size_t k : {0U, 2U, 4U, 6U, 8U}) {
            EXPECT_EQ(code(outcomes[k]), "decoded");
            EXPECT_GT(testing::psnr(batch.picture(k), alone), 100.0) << "the same pixels as alone";
            EXPECT_TRUE(batch.picture(k).guards_intact());
        }
        for (const std::size_t k : {1U, 3U, 5U, 7U}) {
            EXPECT_EQ(batch.done(k), 100);
            EXPECT_FALSE(outcomes[k].message.empty());
        }
    }
}

TEST(BatchDecoder, a_bomb_gets_no_target) {
    BatchDecoder decoder(2, kDefaultMaxPixels);
    Batch batch;
    batch.add(testing::bomb());
    batch.task(0).target = [](Size) -> ImageView {
        ADD_FAILURE() << "memory was asked for";
        return {};
    };
    const std::vector<DecodeOutcome> outcomes = batch.run(decoder);
    EXPECT_EQ(code(outcomes[0]), "picture_too_large");
    EXPECT_EQ(outcomes[0].source, (Size{30'000, 30'000}));
}

TEST(BatchDecoder, what_callbacks_throw_becomes_the_outcome) {
    BatchDecoder decoder(2, kDefaultMaxPixels);
    Batch batch;
    for (int k = 0; k < 4; ++k) batch.add(make_jpeg(64, 48));
    batch.task(0).target = [](Size) -> ImageView { throw Error(Errc::picture_too_large, "the slot has 10 bytes"); };
    batch.task(1).target = [](Size) -> ImageView { throw std::bad_alloc(); };
    bool abandoned = false;
    batch.task(2).done = [&abandoned](bool ok) {
        if (ok) throw Error(Errc::closed, "the slot is gone");
        abandoned = true;
    };
    const std::vector<DecodeOutcome> outcomes = batch.run(decoder);
    EXPECT_EQ(code(outcomes[0]), "picture_too_large");
    EXPECT_EQ(outcomes[0].message, "the slot has 10 bytes");
    EXPECT_EQ(code(outcomes[1]), "no_memory");
    EXPECT_EQ(code(outcomes[2]), "closed");
    EXPECT_TRUE(abandoned);
    EXPECT_EQ(code(outcomes[3]), "decoded");
}

TEST(BatchDecoder, outcomes_of_an_earlier_batch_leave_no_trace) {
    BatchDecoder decoder(2, kDefaultMaxPixels);
    Batch batch;
    batch.add(make_jpeg(64, 48));
    std::vector<DecodeOutcome> outcomes{{.error = Errc::closed, .message = "old", .source = {1, 1}, .decode_us = 9}};
    decoder.decode(std::span<const DecodeTask>(&batch.task(0), 1), outcomes);
    EXPECT_EQ(code(outcomes[0]), "decoded");
    EXPECT_TRUE(outcomes[0].message.empty());
}

TEST(BatchDecoder, refuses_senseless_arguments) {
    EXPECT_EQ(error_of([] { BatchDecoder(0, 1); }).first, "invalid_argument");
    EXPECT_EQ(error_of([] { BatchDecoder(BatchDecoder::kMaxThreads + 1, 1); }).first, "invalid_argument");
    BatchDecoder decoder(1, 1);
    std::vector<DecodeOutcome> one(1);
    EXPECT_EQ(error_of([&] { decoder.decode({}, one); }).first, "invalid_argument");
    EXPECT_NO_THROW(decoder.decode({}, {}));
}

TEST(BatchDecoder, all_its_threads_work_at_once) {
    constexpr unsigned kThreads = 3;
    BatchDecoder decoder(kThreads, kDefaultMaxPixels);
    EXPECT_EQ(decoder.threads(), kThreads);
    Batch batch;
    std::atomic<unsigned> inside{0};
    for (unsigned k = 0; k < kThreads; ++k) {
        batch.add(make_jpeg(64, 48));
        // Returns only when every thread is here: fewer threads than promised would hang.
        batch.task(k).done = [&inside](bool) {
            ++inside;
            inside.notify_all();
            for (unsigned seen = inside; seen < kThreads; seen = inside) inside.wait(seen);
        };
    }
    (void)batch.run(decoder);
    EXPECT_EQ(inside, kThreads);
}

// Shared with the process that is killed.
struct Progress {
    std::atomic<int> batches;
    std::atomic<int> targets;
    std::atomic<int> done;
};

[[noreturn]] void decode_until_killed(Progress& progress, int nth) {
    arm_failpoint("decode.mid", nth);
    BatchDecoder decoder(4, kDefaultMaxPixels);
    for (;;) {
        Batch batch;
        for (std::size_t k = 0; k < 8; ++k) {
            batch.add(make_jpeg(64, 48));
            batch.task(k).target = [&progress, target = batch.task(k).target](Size source) {
                ++progress.targets;
                return target(source);
            };
            batch.task(k).done = [&progress](bool) { ++progress.done; };
        }
        progress.targets = 0;
        progress.done = 0;
        (void)batch.run(decoder);
        ++progress.batches;
    }
}

TEST(BatchDecoder, is_killed_in_the_middle_of_the_nth_batch) {
    void* page = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    for (const int nth : {1, 3}) {
        auto* progress = new (page) Progress{};
        const pid_t child = ::fork();
        if (child == 0) decode_until_killed(*progress, nth);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        EXPECT_EQ(progress->batches, nth - 1);
        EXPECT_GE(progress->targets, 1) << "a slot was filling";
        EXPECT_EQ(progress->done, 0) << "nothing of the batch was published";
    }
    ::munmap(page, sizeof(Progress));
}

}  // namespace
}  // namespace framehop::codec
