#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace framehop::hop {

// The descriptors that the detector has yet to answer, by worker, so that a worker that ignores its credits cannot fill
// the memory. Knows only workers with something unanswered, so it is bounded as they are. Not thread-safe.
class Accounts {
  public:
    explicit Accounts(std::uint32_t credits) noexcept : credits_(credits) {}

    // Books `count` descriptors from `worker`. False, for all that it sends until the last of them is answered, once it
    // has exceeded its credits.
    [[nodiscard]] bool try_book(const std::string& worker, std::size_t count);
    void answered(const std::string& worker) noexcept;

  private:
    struct Account {
        std::uint32_t unanswered = 0;
        bool closed = false;
    };
    std::uint32_t credits_;
    std::unordered_map<std::string, Account> accounts_;
};

}  // namespace framehop::hop
