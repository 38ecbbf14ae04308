#pragma once

namespace framehop::hop {

// Messages taken in one poll: a peer that never stops sending must not keep it from returning.
inline constexpr int kMaxMessagesPerPoll = 1024;

}  // namespace framehop::hop
