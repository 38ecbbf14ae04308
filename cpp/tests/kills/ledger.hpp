// What is known of each frame, in memory that outlives every player: whoever is killed, the account stands.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <stdexcept>

namespace framehop::kills {

inline constexpr std::uint64_t kMostFrames = std::uint64_t{1} << 24;

// Frames are numbered from 0. Thread-safe, and safe across processes.
class Ledger {
  public:
    [[nodiscard]] static Ledger& make() {
        void* memory = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("mmap of the ledger");
        return *new (memory) Ledger;  // never unmapped: the players have it too
    }

    [[nodiscard]] bool has(std::uint64_t frame) const { return answered_[frame] != 0; }
    void answer(std::uint64_t frame) {
        if (answered_[frame].exchange(1) != 0) ++doubled;
        ++answers;
    }
    // The first frame without an answer, at which a worker begins.
    [[nodiscard]] std::uint64_t first_open() {
        while (open_ < kMostFrames && has(open_)) ++open_;
        return open_;
    }
    // Whether all frames from the first to the last that has one are answered.
    [[nodiscard]] std::uint64_t unanswered() {
        std::uint64_t count = 0;
        for (std::uint64_t frame = first_open(); frame < sent; ++frame) count += has(frame) ? 0 : 1;
        return count;
    }

    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> sent{0};    // one more than the highest frame that was ever published
    std::atomic<std::uint64_t> newest{0};  // slot and generation of the picture published last
    std::atomic<std::uint64_t> answers{0};
    std::atomic<std::uint64_t> looks{0};    // pictures that were leased and compared whole
    std::atomic<std::uint64_t> doubled{0};  // answered twice
    std::atomic<std::uint64_t> torn{0};     // not the pixels of the frame that the tag names
    std::atomic<std::uint64_t> wrong{0};    // an answer for another frame, or that the picture is gone

  private:
    Ledger() = default;
    std::uint64_t open_ = 0;
    std::atomic<std::uint8_t> answered_[kMostFrames] = {};
};

}  // namespace framehop::kills
