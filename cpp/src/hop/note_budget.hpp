// How much a log gets to read of strangers.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

namespace framehop::hop {

// Passes on a few words in each second, so that a stranger who comes again and again does not fill a log. Not
// thread-safe.
class NoteBudget {
  public:
    void pass(std::vector<std::string> found, std::vector<std::string>& notes) {
        using Clock = std::chrono::steady_clock;
        if (const auto now = Clock::now(); now >= until_) {
            until_ = now + std::chrono::seconds(1);
            left_ = kMost;
        }
        found.resize(std::min(found.size(), left_));
        left_ -= found.size();
        std::ranges::move(found, std::back_inserter(notes));
    }

  private:
    static constexpr std::size_t kMost = 8;

    std::chrono::steady_clock::time_point until_;
    std::size_t left_ = 0;
};

}  // namespace framehop::hop
