// Bare libzmq as the other side.
#pragma once

#include <gtest/gtest.h>
#include <zmq.h>

#include <string>

#include "framehop/wire/parse.hpp"
#include "framehop/wire/serialise.hpp"

namespace framehop::hop {

// A bare socket of its own context, for what our classes would never send.
class RawSocket {
  public:
    // `kept`: the most messages that it takes from the network before somebody receives them. `name`: what a ROUTER is
    // to call it; libzmq chooses where it is empty.
    RawSocket(int type, const std::string& address, bool bind, int kept = 1000, const std::string& name = "")
        : socket_(zmq_socket(context_, type)) {
        zmq_setsockopt(socket_, ZMQ_RCVHWM, &kept, sizeof kept);
        if (!name.empty()) zmq_setsockopt(socket_, ZMQ_ROUTING_ID, name.data(), name.size());
        const int linger = 0;
        const int never = -1;
        zmq_setsockopt(socket_, ZMQ_RECONNECT_IVL, &never, sizeof never);
        const int patience_ms = 20'000;
        zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
        zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
        const int result = bind ? zmq_bind(socket_, address.c_str()) : zmq_connect(socket_, address.c_str());
        EXPECT_EQ(result, 0);
    }
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;
    ~RawSocket() {
        if (events_ != nullptr) zmq_close(events_);
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }

    // Makes `is_lost` possible.
    void watch() {
        EXPECT_EQ(zmq_socket_monitor(socket_, "inproc://raw", ZMQ_EVENT_DISCONNECTED), 0);
        events_ = zmq_socket(context_, ZMQ_PAIR);
        EXPECT_EQ(zmq_connect(events_, "inproc://raw"), 0);
    }
    // Waits for the end of the connection; false when it does not come.
    [[nodiscard]] bool is_lost() const {
        zmq_pollitem_t item{events_, 0, ZMQ_POLLIN, 0};
        return zmq_poll(&item, 1, 20'000) == 1;
    }

    void send(wire::Bytes part, bool more = false) {
        EXPECT_GE(zmq_send(socket_, part.data(), part.size(), more ? ZMQ_SNDMORE : 0), 0);
    }
    wire::Buffer receive() {
        wire::Buffer buffer(1 << 20);
        const int size = zmq_recv(socket_, buffer.data(), buffer.size(), 0);
        EXPECT_GE(size, 0);
        buffer.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return buffer;
    }

  private:
    void* context_ = zmq_ctx_new();
    void* socket_;
    void* events_ = nullptr;
};

}  // namespace framehop::hop
