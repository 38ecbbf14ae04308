#include "lent_message.hpp"

#include <utility>

#include "zmq_call.hpp"

namespace framehop::hop {
namespace {

using Owner = std::shared_ptr<const void>;

// libzmq calls this in its own thread. What the owner's end does must not wait for that thread, nor for the GIL.
void let_go(void* /*bytes*/, void* owner) { std::unique_ptr<Owner>(static_cast<Owner*>(owner)); }

}  // namespace

LentMessage::LentMessage(std::span<const std::uint8_t> bytes, std::shared_ptr<const void> owner) {
    auto held = std::make_unique<Owner>(std::move(owner));
    // The const_cast is safe: libzmq only reads what it sends.
    void* data = const_cast<std::uint8_t*>(bytes.data());
    if (zmq_msg_init_data(&message_, data, bytes.size(), &let_go, held.get()) != 0) throw_zmq("zmq_msg_init_data");
    static_cast<void>(held.release());
}

}  // namespace framehop::hop
