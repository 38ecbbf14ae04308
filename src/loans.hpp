// Bytes of Python objects that libzmq reads for as long as it likes. Its thread must not take the GIL when it is done
// with them: it posts them here, and Python collects them.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <utility>

#include "buffer.hpp"

namespace framehop::python {

class Loans : public std::enable_shared_from_this<Loans> {
  public:
    Loans() = default;
    Loans(const Loans&) = delete;
    Loans& operator=(const Loans&) = delete;
    ~Loans() = default;  // collect first

    struct Lent {
        std::span<const std::uint8_t> bytes;
        std::shared_ptr<const void> owner;  // let go of in any thread, with or without the GIL
    };
    // Call this with the GIL held.
    [[nodiscard]] Lent lend(BorrowedBytes bytes) {
        const std::span<const std::uint8_t> span = bytes.bytes();
        std::shared_ptr<const void> owner(new Loan{std::move(bytes)},
                                          [loans = shared_from_this()](Loan* loan) { loans->give_back(loan); });
        return {span, std::move(owner)};
    }

    // Lets go of what was given back. Call this with the GIL held.
    void collect() noexcept {
        for (Loan* loan = returned_.exchange(nullptr, std::memory_order_acquire); loan != nullptr;) {
            const std::unique_ptr<Loan> done(loan);
            loan = done->next;
        }
    }

  private:
    struct Loan {
        BorrowedBytes bytes;
        Loan* next = nullptr;
    };

    void give_back(Loan* loan) noexcept {
        loan->next = returned_.load(std::memory_order_relaxed);
        // The release pairs with the acquire of `collect`, which reads `next`.
        while (
            !returned_.compare_exchange_weak(loan->next, loan, std::memory_order_release, std::memory_order_relaxed)) {
        }
    }

    std::atomic<Loan*> returned_{nullptr};
};

}  // namespace framehop::python
