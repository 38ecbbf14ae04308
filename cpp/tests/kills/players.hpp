// Who is killed: a worker that writes pictures and has them answered, a detector that answers, and taps that look on.
#pragma once

#include <string>

#include "ledger.hpp"

namespace framehop::kills {

struct Place {
    std::string ring;  // the socket of the ring's host
    std::string hop;   // the address of the hop
};

// Until the ledger says that it is over, and all that it has published is answered.
void work(const Place& place, Ledger& ledger);
// For ever, both.
[[noreturn]] void detect(const Place& place, Ledger& ledger);
[[noreturn]] void look_on(const Place& place, Ledger& ledger);

}  // namespace framehop::kills
