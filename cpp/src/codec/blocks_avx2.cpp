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

FRAMEHOP_BMI2 inline void clear(Coefficients& pair) noexcept {
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

// Reads how far DC is from that of the last block. Returns false if there is no such code.
FRAMEHOP_BMI2 inline bool read_dc(Reader& reader, const DcTable& table, std::int32_t& value) noexcept {
    const std::uint32_t entry = table.entries[reader.peek(DcTable::kBits)];
    if (entry != 0) [[likely]] {
        const std::uint32_t size = entry >> 8;
        value = extended(reader.bits << (((entry & 63U) - size) & 63U), size);
        reader.take(entry);
        return true;
    }
    const HuffmanCode code = table.codes.find(reader.peek(kLongestCode));
    if (code.length == 0 || code.symbol > DcTable::kMostBits) return false;
    reader.take(code.length);
    value = extended(reader.bits, code.symbol);
    reader.take(code.symbol);
    reader.refill();
    return true;
}

// Reads a run and its value, which the table does not give by this entry, behind place `at`. Returns the place of the
// value, kEnd behind the end of the block, or more if there is no such code.
FRAMEHOP_BMI2 inline std::uint32_t read_long_ac(Reader& reader, const AcTable& table, AcTable::Entry entry,
                                                std::uint32_t at, std::int16_t* block) noexcept {
    constexpr std::uint32_t kNone = kEnd + 1;
    reader.refill();
    HuffmanCode code{AcTable::taken(entry), static_cast<std::uint16_t>(AcTable::last(entry))};
    if (AcTable::places(entry) != AcTable::kLong || code.length == 0)
        code = table.codes.find(reader.peek(kLongestCode));
    if (code.length == 0) return kNone;
    reader.take(code.length);
    const std::uint32_t size = code.symbol & 15U;
    if (code.symbol == 0) return kEnd;
    if (size > AcTable::kMostBits || (size == 0 && code.symbol != AcTable::kLongestRun)) return kNone;
    at += (code.symbol >> 4) + 1;
    if (at > kLast) return kNone;
    block[kPlaces[at]] = static_cast<std::int16_t>(extended(reader.bits, size));
    reader.take(size);
    reader.refill();
    return at;
}

// Goes through the AC coefficients of a block, in the order of the scan.
struct AcReader {
    Reader& reader;
    const AcTable& table;
    std::int16_t* block;
    std::uint32_t at = 0;      // place of the last one
    AcTable::Entry entry = 0;  // of what comes next

    // Reads what the table gives at once, if the block goes on behind it.
    FRAMEHOP_BMI2 bool step() noexcept {
        entry = table.entries[reader.peek(AcTable::kBits)];
        const std::uint32_t last = at + AcTable::places(entry);
        if (last >= kLast) [[unlikely]]
            return false;
        reader.take(AcTable::taken(entry));
        block[kPlaces[at + AcTable::first_places(entry)]] = AcTable::first(entry);
        block[kPlaces[last]] = AcTable::last(entry);
        at = last;
        return true;
    }

    // Reads what the table gives at once, if it ends the block. The end alone has a value of 0, at the last place.
    FRAMEHOP_BMI2 bool end() noexcept {
        const std::uint32_t last = at + AcTable::places(entry) - AcTable::kEndOfBlock;
        if ((AcTable::places(entry) & AcTable::kEndOfBlock) == 0 || last >= kLast) return false;
        reader.take(AcTable::taken(entry));
        add(at + AcTable::first_places(entry), AcTable::first(entry));
        add(last, AcTable::last(entry));
        at = last;
        return true;
    }

    FRAMEHOP_BMI2 void add(std::uint32_t place, std::int16_t value) const noexcept {
        block[kPlaces[place]] = static_cast<std::int16_t>(block[kPlaces[place]] | value);
    }
};

// Reads the AC coefficients of a block. `dc_only` says whether there are none.
FRAMEHOP_BMI2 inline bool read_ac(Reader& reader, const AcTable& table, std::int16_t* block, bool& dc_only) noexcept {
    AcReader ac{reader, table, block};
    for (;;) {
        if (ac.step() && ac.step() && ac.step()) {
            reader.refill();
        } else if (ac.end()) {
            dc_only = ac.at == 0;
            return true;
        } else {
            ac.at = read_long_ac(reader, table, ac.entry, ac.at, block);
            if (ac.at < kLast) continue;
            dc_only = false;
            return ac.at <= kEnd;
        }
    }
}

}  // namespace

bool has_baseline_kernels() noexcept {
    static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    return has;
}

FRAMEHOP_BMI2 bool read_blocks(BitBuffer& bits, std::span<ScanComponent* const> components, BlockPair* pairs) noexcept {
    Reader reader{bits.next, bits.bits, bits.count};
    for (std::size_t k = 0; k < components.size(); ++k) {
        BlockPair& pair = pairs[k / 2];
        ScanComponent& component = *components[k];
        if (k % 2 == 0) clear(pair.blocks);
        std::int16_t* const block = pair.blocks.values[0] + k % 2 * kSide;
        std::int32_t difference = 0;
        reader.refill();
        if (!read_dc(reader, *component.dc_table, difference)) return false;
        component.last_dc += difference;
        if (component.last_dc >= kTooLarge || component.last_dc <= -kTooLarge) return false;
        block[0] = static_cast<std::int16_t>(component.last_dc);
        if (!read_ac(reader, *component.ac_table, block, pair.dc_only[k % 2])) return false;
    }
    bits = {reader.next, reader.bits, static_cast<std::uint32_t>(reader.count & 63U)};
    return true;
}

}  // namespace framehop::codec

#endif
