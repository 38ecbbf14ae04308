// The whole state of a slot in one 64-bit word, so that every change is one compare-and-swap.
#pragma once

#include <bit>
#include <bitset>
#include <cstdint>

namespace framehop::shm {

enum class SlotState : std::uint8_t {
    free = 0,     // holds no picture; reusable once the leases on its last picture have ended
    filling = 1,  // the writer has it; nobody can lease it
    ready = 2,    // published
};

// The number of lease bits in a word.
inline constexpr std::uint32_t kMaxHolders = 24;

// Some of the holders, by their index.
using HolderSet = std::bitset<kMaxHolders>;

[[nodiscard]] inline HolderSet only(std::uint32_t holder) noexcept { return HolderSet(1UL << holder); }

// A value of the slot word: bits 0–31 generation, 32–33 state, 40–63 one lease bit per holder. The shared word itself
// is in layout.hpp.
class SlotWord {
  public:
    constexpr explicit SlotWord(std::uint64_t bits) noexcept : bits_(bits) {}
    constexpr SlotWord(SlotState state, std::uint32_t generation, std::uint32_t leases) noexcept
        : bits_(std::uint64_t{generation} | std::uint64_t{static_cast<std::uint8_t>(state)} << kStateShift |
                std::uint64_t{leases} << kLeaseShift) {}

    [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
    [[nodiscard]] constexpr std::uint32_t generation() const noexcept { return static_cast<std::uint32_t>(bits_); }
    [[nodiscard]] constexpr SlotState state() const noexcept {
        return static_cast<SlotState>(bits_ >> kStateShift & kStateMask);
    }
    [[nodiscard]] constexpr std::uint32_t leases() const noexcept {
        return static_cast<std::uint32_t>(bits_ >> kLeaseShift);
    }
    [[nodiscard]] constexpr int lease_count() const noexcept { return std::popcount(leases()); }

    [[nodiscard]] constexpr bool reusable() const noexcept { return state() == SlotState::free && leases() == 0; }
    [[nodiscard]] constexpr bool is(SlotState wanted, std::uint32_t generation_wanted) const noexcept {
        return state() == wanted && generation() == generation_wanted;
    }
    [[nodiscard]] constexpr SlotWord with_state(SlotState state) const noexcept {
        return {state, generation(), leases()};
    }
    // Generation 0 names no picture, so it is skipped when the count wraps.
    [[nodiscard]] constexpr SlotWord next_filling() const noexcept {
        const std::uint32_t next = generation() + 1;
        return {SlotState::filling, next == 0 ? 1 : next, 0};
    }

    [[nodiscard]] static constexpr std::uint64_t lease_bit(std::uint32_t holder) noexcept {
        return std::uint64_t{1} << (kLeaseShift + holder);
    }
    [[nodiscard]] static std::uint64_t lease_bits(HolderSet holders) noexcept {
        return std::uint64_t{holders.to_ulong()} << kLeaseShift;
    }

  private:
    static constexpr int kStateShift = 32;
    static constexpr std::uint64_t kStateMask = 3;
    static constexpr int kLeaseShift = 40;
    static_assert(kLeaseShift + kMaxHolders == 64);

    std::uint64_t bits_;
};

}  // namespace framehop::shm
