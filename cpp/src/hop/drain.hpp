#pragma once

namespace framehop::hop {

// The most messages taken in one poll, which must return even if a peer never stops sending.
inline constexpr int kMaxMessagesPerPoll = 1024;

}  // namespace framehop::hop
