#include "receiver_book.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace framehop::hop {
namespace {

std::uint64_t new_session() {
    std::random_device random;
    const std::uint64_t session = std::uint64_t{random()} << 32 | random();
    return session == 0 ? 1 : session;
}

// Ends the owner first: whoever finds room finds the slot free, too.
struct Loan {
    std::shared_ptr<const void> held;
    std::shared_ptr<const void> owner;
};

}  // namespace

std::shared_ptr<const void> ReceiverRow::lend(std::shared_ptr<const void> owner) const {
    return std::make_shared<const Loan>(Loan{.held = held, .owner = std::move(owner)});
}

void ReceiverRow::keep(std::shared_ptr<Outgoing> frame) {
    const bool is_latest = delivery == wire::Delivery::latest;
    if (waiting || !is_latest) ++skipped;
    if (is_latest) waiting = std::move(frame);
}

void ReceiverRow::drop(const std::shared_ptr<Outgoing>& frame) noexcept {
    if (waiting != frame) return;
    waiting = nullptr;
    ++skipped;
}

Heard ReceiverBook::hear(const std::string& route, const wire::ParsedWant& parsed, Clock::time_point now) {
    ReceiverRow* row = find(route);
    if (row == nullptr) return welcome(route, parsed, now);
    row->heard = now;
    const wire::Want& want = parsed.want;
    if (want.session != row->session) return Heard::known;
    if (want.received < row->received || want.received > row->sent) return Heard::malformed;
    row->received = want.received;
    row->credits = std::min(want.credits, credits_);
    return Heard::known;
}

Heard ReceiverBook::welcome(const std::string& route, const wire::ParsedWant& parsed, Clock::time_point now) {
    if (rows_.size() >= most_) return Heard::full;
    ReceiverRow& row = rows_[route];
    row.session = new_session();
    row.delivery = parsed.want.delivery;
    row.credits = std::min(parsed.want.credits, credits_);
    row.stream = parsed.stream;
    row.heard = now;
    return Heard::welcome;
}

ReceiverRow* ReceiverBook::find(const std::string& route) {
    const auto found = rows_.find(route);
    return found == rows_.end() ? nullptr : &found->second;
}

std::vector<ReceiverRow> ReceiverBook::take_silent(Clock::time_point then) {
    std::vector<ReceiverRow> silent;
    for (auto row = rows_.begin(); row != rows_.end();) {
        if (row->second.heard >= then) {
            ++row;
            continue;
        }
        silent.push_back(std::move(row->second));
        row = rows_.erase(row);
    }
    return silent;
}

}  // namespace framehop::hop
