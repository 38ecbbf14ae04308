#include "huffman.hpp"

#include <algorithm>
#include <span>

namespace framehop::codec {
namespace {

std::uint16_t difference(std::uint32_t place, const HuffmanCodes& codes) noexcept {
    const HuffmanCode code = codes.find(place << (kLongestCode - DcTable::kBits));
    if (code.length == 0 || code.length > DcTable::kBits || code.symbol > DcTable::kMostBits) return 0;
    return static_cast<std::uint16_t>((code.length + code.symbol) | code.symbol << 8);
}

// One code of a AcTable with its value.
struct Run {
    std::uint32_t taken = 0;   // bits, 0 if they are more than the table's
    std::uint32_t places = 0;  // how far it goes on, or kEndOfBlock
    std::int32_t value = 0;
};

using Runs = std::array<Run, 1U << AcTable::kBits>;

Run single(std::uint32_t place, const HuffmanCodes& codes) noexcept {
    const HuffmanCode code = codes.find(place << (kLongestCode - AcTable::kBits));
    const std::uint32_t size = code.symbol & 15U;
    const bool ends = code.symbol == 0;
    if (code.length == 0 || code.length + size > AcTable::kBits) return {};
    if (size == 0 && !ends && code.symbol != AcTable::kLongestRun) return {};
    const std::uint64_t bits = std::uint64_t{place} << (64 - AcTable::kBits) << code.length;
    return {.taken = code.length + size,
            .places = ends ? AcTable::kEndOfBlock : (code.symbol >> 4) + 1,
            .value = extended(bits, size)};
}

// Returns what stands behind `taken` bits of a place, if all of it does.
Run behind(std::uint32_t place, std::uint32_t taken, const Runs& singles) noexcept {
    const Run& next = singles[place << taken & (singles.size() - 1)];
    return taken + next.taken <= AcTable::kBits ? next : Run{};
}

AcTable::Entry entry_of(std::uint32_t taken, std::uint32_t places, const Run& first, std::int32_t last) noexcept {
    const auto word = [](std::int32_t value) { return std::uint64_t{static_cast<std::uint16_t>(value)}; };
    return taken | places << 8 | word(last) << 16 | word(first.value) << 32 | std::uint64_t{first.places} << 48;
}

AcTable::Entry long_entry(std::uint32_t place, const HuffmanCodes& codes) noexcept {
    const HuffmanCode code = codes.find(place << (kLongestCode - AcTable::kBits));
    if (code.length > AcTable::kBits) return entry_of(0, AcTable::kLong, {}, 0);
    return entry_of(code.length, AcTable::kLong, {}, static_cast<std::int32_t>(code.symbol));
}

AcTable::Entry short_entry(std::uint32_t place, const Runs& singles) noexcept {
    const Run& first = singles[place];
    if (first.places == AcTable::kEndOfBlock) return entry_of(first.taken, first.places, {}, 0);
    Run all = first;
    if (const Run second = behind(place, all.taken, singles);
        second.places != AcTable::kEndOfBlock && second.taken != 0) {
        all = {.taken = all.taken + second.taken, .places = all.places + second.places, .value = second.value};
    }
    const Run end = behind(place, all.taken, singles);
    if (end.places != AcTable::kEndOfBlock) return entry_of(all.taken, all.places, first, all.value);
    return entry_of(all.taken + end.taken, all.places + end.places, first, all.value);
}

}  // namespace

bool HuffmanCodes::are_of(const JHUFF_TBL& table) const noexcept {
    return assigned_ && std::ranges::equal(std::span(table.bits).subspan(1), std::span(counts_).subspan(1)) &&
           std::ranges::equal(table.huffval, symbols_);
}

bool HuffmanCodes::assign(const JHUFF_TBL& table) noexcept {
    assigned_ = false;
    std::uint32_t next = 0;  // code
    std::uint32_t known = 0;
    for (std::uint32_t length = 1; length <= kLongestCode; ++length) {
        const std::uint32_t count = table.bits[length];
        first_[length] = known - next;
        known += count;
        next += count;
        if (next >= 1U << length || known > symbols_.size()) return false;  // no code is all ones
        end_[length] = next << (kLongestCode - length);
        next <<= 1;
    }
    const auto symbols = std::span(table.huffval).first(known);
    largest_symbol_ = symbols.empty() ? 0 : std::ranges::max(symbols);
    std::ranges::copy(table.bits, counts_.begin());
    std::ranges::copy(table.huffval, symbols_.begin());
    assigned_ = true;
    return true;
}

HuffmanCode HuffmanCodes::find(std::uint32_t next) const noexcept {
    for (std::uint32_t length = 1; length <= kLongestCode; ++length) {
        if (next >= end_[length]) continue;
        return {length, symbols_[first_[length] + (next >> (kLongestCode - length))]};
    }
    return {};
}

bool DcTable::assign(const JHUFF_TBL& table) noexcept {
    if (codes.are_of(table)) return codes.largest_symbol() <= kLargestSymbol;
    if (!codes.assign(table) || codes.largest_symbol() > kLargestSymbol) return false;
    for (std::uint32_t place = 0; place < entries.size(); ++place) entries[place] = difference(place, codes);
    return true;
}

bool AcTable::assign(const JHUFF_TBL& table) noexcept {
    if (codes.are_of(table)) return true;
    if (!codes.assign(table)) return false;
    Runs singles;
    for (std::uint32_t place = 0; place < singles.size(); ++place) singles[place] = single(place, codes);
    for (std::uint32_t place = 0; place < entries.size(); ++place) {
        entries[place] = singles[place].taken == 0 ? long_entry(place, codes) : short_entry(place, singles);
    }
    return true;
}

}  // namespace framehop::codec
