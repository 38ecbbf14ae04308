// Reads the blocks of a scan, for x86-64 with BMI2, whose shifts take their count from any register: each code waits
// for the one before, so that these shifts are the time it takes. Only these functions are compiled for it: code that
// the linker may share with other files must run everywhere, so there is no flag for the whole file.
#ifdef __x86_64__

#include <immintrin.h>

#include <array>
#include <cstring>

#include "baseline_kernels.hpp"

#define FRAMEHOP_BMI2 [[gnu::target("avx2,bmi2")]]

namespace framehop::codec {
namespace {

constexpr std::uint32_t kLast = 63;
constexpr std::uint32_t kEnd = kLast + 1;

// The numbers of the coefficients in a block in the order of a scan (ISO/IEC 10918-1, figure 5).
constexpr std::array<std::uint8_t, kLast + 1> kZigzag{0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                                      12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                                      35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                                      58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// Where they stand in a pair, behind the first of their block.
constexpr auto kPlaces = [] {
    std::array<std::uint8_t, kZigzag.size()> places{};
    for (std::size_t k = 0; k < places.size(); ++k) {
        places[k] = static_cast<std::uint8_t>(kZigzag[k] / kSide * kPairSide + kZigzag[k] % kSide);
    }
    return places;
}();

FRAMEHOP_BMI2 inline void clear(BlockPair& pair) noexcept {
    for (auto& row : pair.values) _mm256_store_si256(reinterpret_cast<__m256i*>(row), _mm256_setzero_si256());
}

// The bits in registers. After refill() at least 56 are known.
struct Reader {
    const std::uint8_t* next;
    std::uint64_t bits;
    std::uint64_t count;

    FRAMEHOP_BMI2 void refill() noexcept {
        count &= 63U;
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, next, sizeof bytes);
        bits |= __builtin_bswap64(bytes) >> count;
        next += (63 - count) >> 3;
        count |= 56;
    }
    [[nodiscard]] FRAMEHOP_BMI2 std::uint32_t peek(std::uint32_t wanted) const noexcept {
        return static_cast<std::uint32_t>(bits >> (64 - wanted));
    }
    // Takes as many as the lower six bits of `taken` say. Those of the count alone are kept right.
    FRAMEHOP_BMI2 void take(std::uint32_t taken) noexcept {
        bits <<= taken & 63U;
        count -= taken;
    }
};

// Reads the difference to the last block's mean. Returns false if there is none.
FRAMEHOP_BMI2 inline bool read_difference(Reader& reader, const DifferenceTable& table, std::int32_t& value) noexcept {
    const std::uint32_t entry = table.entries[reader.peek(DifferenceTable::kBits)];
    if (entry != 0) [[likely]] {
        const std::uint32_t size = entry >> 8;
        value = extended(reader.bits << (((entry & 63U) - size) & 63U), size);
        reader.take(entry);
        return true;
    }
    const HuffmanCode code = table.codes.find(reader.peek(16));
    if (code.length == 0 || code.symbol > DifferenceTable::kMostBits) return false;
    reader.take(code.length);
    value = extended(reader.bits, code.symbol);
    reader.take(code.symbol);
    reader.refill();
    return true;
}

// Reads a run and its value, which the table does not give by this entry, behind place `at`. Returns the place of the
// value, kEnd behind the end of the block, or more if there is no such code.
FRAMEHOP_BMI2 inline std::uint32_t read_long(Reader& reader, const RunTable& table, RunTable::Entry entry,
                                             std::uint32_t at, std::int16_t* block) noexcept {
    constexpr std::uint32_t kNone = kEnd + 1;
    reader.refill();
    HuffmanCode code{RunTable::taken(entry), static_cast<std::uint16_t>(RunTable::last(entry))};
    if (RunTable::places(entry) != RunTable::kLong || code.length == 0) code = table.codes.find(reader.peek(16));
    if (code.length == 0) return kNone;
    reader.take(code.length);
    const std::uint32_t size = code.symbol & 15U;
    if (code.symbol == 0) return kEnd;
    if (size > RunTable::kMostBits || (size == 0 && code.symbol != RunTable::kLongestRun)) return kNone;
    at += (code.symbol >> 4) + 1;
    if (at > kLast) return kNone;
    block[kPlaces[at]] = static_cast<std::int16_t>(extended(reader.bits, size));
    reader.take(size);
    reader.refill();
    return at;
}

// Goes through the coefficients behind the mean.
struct Runs {
    Reader& reader;
    const RunTable& table;
    std::int16_t* block;
    std::uint32_t at = 0;       // place of the last one
    RunTable::Entry entry = 0;  // of what comes next

    // Reads what the table gives at once, if the block goes on behind it.
    FRAMEHOP_BMI2 bool step() noexcept {
        entry = table.entries[reader.peek(RunTable::kBits)];
        const std::uint32_t last = at + RunTable::places(entry);
        if (last >= kLast) [[unlikely]]
            return false;
        reader.take(RunTable::taken(entry));
        block[kPlaces[at + RunTable::first_places(entry)]] = RunTable::first(entry);
        block[kPlaces[last]] = RunTable::last(entry);
        at = last;
        return true;
    }

    // Reads what the table gives at once, if it ends the block. The end alone has a value of 0, at the last place.
    FRAMEHOP_BMI2 bool end() noexcept {
        const std::uint32_t last = at + RunTable::places(entry) - RunTable::kEndOfBlock;
        if ((RunTable::places(entry) & RunTable::kEndOfBlock) == 0 || last >= kLast) return false;
        reader.take(RunTable::taken(entry));
        add(at + RunTable::first_places(entry), RunTable::first(entry));
        add(last, RunTable::last(entry));
        at = last;
        return true;
    }

    FRAMEHOP_BMI2 void add(std::uint32_t place, std::int16_t value) const noexcept {
        block[kPlaces[place]] = static_cast<std::int16_t>(block[kPlaces[place]] | value);
    }
};

// Reads what follows the mean. `flat` says whether that is nothing.
FRAMEHOP_BMI2 inline bool read_runs(Reader& reader, const RunTable& table, std::int16_t* block, bool& flat) noexcept {
    Runs runs{reader, table, block};
    for (;;) {
        if (runs.step() && runs.step() && runs.step()) {
            reader.refill();
        } else if (runs.end()) {
            flat = runs.at == 0;
            return true;
        } else {
            runs.at = read_long(reader, table, runs.entry, runs.at, block);
            if (runs.at < kLast) continue;
            flat = false;
            return runs.at <= kEnd;
        }
    }
}

}  // namespace

bool has_baseline_kernels() noexcept {
    static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    return has;
}

FRAMEHOP_BMI2 bool read_blocks(NextBits& bits, std::span<Coding* const> codings, PairPlace* pairs) noexcept {
    Reader reader{bits.next, bits.bits, bits.count};
    for (std::size_t k = 0; k < codings.size(); ++k) {
        PairPlace& pair = pairs[k / 2];
        Coding& coding = *codings[k];
        if (k % 2 == 0) clear(pair.blocks);
        std::int16_t* const block = pair.blocks.values[0] + k % 2 * kSide;
        std::int32_t difference = 0;
        reader.refill();
        if (!read_difference(reader, *coding.differences, difference)) return false;
        coding.mean += difference;
        if (coding.mean >= kTooLarge || coding.mean <= -kTooLarge) return false;
        block[0] = static_cast<std::int16_t>(coding.mean);
        if (!read_runs(reader, *coding.runs, block, pair.flat[k % 2])) return false;
    }
    bits = {reader.next, reader.bits, static_cast<std::uint32_t>(reader.count & 63U)};
    return true;
}

}  // namespace framehop::codec

#endif
