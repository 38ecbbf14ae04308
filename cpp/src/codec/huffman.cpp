#include "huffman.hpp"

#include <algorithm>
#include <span>

namespace framehop::codec {
namespace {

constexpr std::uint32_t kLongestCode = 16;

std::uint16_t difference(std::uint32_t place, const HuffmanCodes& codes) noexcept {
    const HuffmanCode code = codes.find(place << (kLongestCode - DifferenceTable::kBits));
    if (code.length == 0 || code.length > DifferenceTable::kBits || code.symbol > DifferenceTable::kMostBits) return 0;
    return static_cast<std::uint16_t>((code.length + code.symbol) | code.symbol << 8);
}

std::uint32_t entry(std::uint32_t taken, std::uint32_t places, std::int32_t value) noexcept {
    return taken | places << 8 | static_cast<std::uint32_t>(value) << 16;
}

std::uint32_t run(std::uint32_t place, const HuffmanCodes& codes) noexcept {
    using Table = RunTable;
    const HuffmanCode code = codes.find(place << (kLongestCode - Table::kBits));
    if (code.length == 0 || code.length > Table::kBits) return entry(0, Table::kLong, 0);
    const std::uint32_t zeros = code.symbol >> 4;
    const std::uint32_t size = code.symbol & 15U;
    if (code.symbol == 0) return entry(code.length, Table::kEndOfBlock, 0);
    if (code.symbol == Table::kLongestRun) return entry(code.length, zeros + 1, 0);
    if (size == 0 || code.length + size > Table::kBits) {
        return entry(code.length, Table::kLong, static_cast<std::int32_t>(code.symbol));
    }
    const std::uint64_t bits = std::uint64_t{place} << (64 - Table::kBits) << code.length;
    return entry(code.length + size, zeros + 1, extended(bits, size));
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

bool DifferenceTable::assign(const JHUFF_TBL& table) noexcept {
    if (codes.are_of(table)) return codes.largest_symbol() <= kLargestSymbol;
    if (!codes.assign(table) || codes.largest_symbol() > kLargestSymbol) return false;
    for (std::uint32_t place = 0; place < entries.size(); ++place) entries[place] = difference(place, codes);
    return true;
}

bool RunTable::assign(const JHUFF_TBL& table) noexcept {
    if (codes.are_of(table)) return true;
    if (!codes.assign(table)) return false;
    for (std::uint32_t place = 0; place < entries.size(); ++place) entries[place] = run(place, codes);
    return true;
}

}  // namespace framehop::codec
