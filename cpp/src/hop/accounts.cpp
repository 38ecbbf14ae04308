#include "accounts.hpp"

namespace framehop::hop {

bool Accounts::try_book(const std::string& worker, std::size_t count) {
    if (count > credits_) return false;
    Account& account = accounts_[worker];
    account.closed = account.closed || account.unanswered + count > credits_;
    if (account.closed) return false;
    account.unanswered += static_cast<std::uint32_t>(count);
    return true;
}

// A worker that the map does not know was answered twice.
void Accounts::answered(const std::string& worker) noexcept {
    const auto found = accounts_.find(worker);
    if (found != accounts_.end() && --found->second.unanswered == 0) accounts_.erase(found);
}

}  // namespace framehop::hop
