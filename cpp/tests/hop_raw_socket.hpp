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
    RawSocket(int type, const std::string& address, bool bind) : socket_(zmq_socket(context_, type)) {
        const int linger = 0;
        const int patience_ms = 20'000;
        zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
        zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
        const int result = bind ? zmq_bind(socket_, address.c_str()) : zmq_connect(socket_, address.c_str());
        EXPECT_EQ(result, 0);
    }
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;
    ~RawSocket() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
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
};

}  // namespace framehop::hop
