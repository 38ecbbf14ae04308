// The part that both ends of the hop share in Python: a socket that can be closed and belongs to one thread.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framehop/base/error.hpp"
#include "framehop/wire/frames.hpp"
#include "framehop/wire/messages.hpp"
#include "gil.hpp"
#include "wait.hpp"

namespace framehop::python {

namespace py = pybind11;

void register_hop_client(py::module_& module);
void register_hop_server(py::module_& module);
void register_hop_trips(py::module_& module);
void register_frame_sender(py::module_& module);
void register_frame_receiver(py::module_& module);

// The names are "latest" and "lossless". from_name throws Errc::invalid_argument for any other.
[[nodiscard]] const char* delivery_name(wire::Delivery delivery) noexcept;
[[nodiscard]] wire::Delivery delivery_from_name(const std::string& name);

// The names are "ok", "stale" and "failed". from_name throws Errc::invalid_argument for any other.
[[nodiscard]] const char* status_name(wire::Status status) noexcept;
[[nodiscard]] wire::Status status_from_name(const std::string& name);

// All members are used with the GIL held, except the socket during a poll, which `busy_` reserves: a second thread is
// refused instead of racing inside libzmq.
template <class Socket, class Events>
class SocketHandle {
  public:
    template <class... Arguments>
    explicit SocketHandle(const Arguments&... arguments) : socket_(make(arguments...)) {}
    ~SocketHandle() { destroy_socket(); }
    SocketHandle(const SocketHandle&) = delete;
    SocketHandle& operator=(const SocketHandle&) = delete;

    [[nodiscard]] Socket& open() const {
        check_idle();
        if (!socket_) throw Error(Errc::closed, "this end of the hop is closed");
        return *socket_;
    }

    // If a signal handler raises, the messages taken so far are kept for the next poll, as an answer comes only once.
    [[nodiscard]] Events poll(double timeout_s, const std::vector<int>& wake_fds) {
        Socket& socket = open();
        check_fds(wake_fds);
        const Reservation reservation(busy_);
        events_.readable_fds.clear();
        wait_in_slices(timeout_s,
                       [&](std::chrono::nanoseconds slice) { return socket.poll(slice, wake_fds, events_); });
        return std::exchange(events_, {});
    }

    // Calls `use(socket, time)` without the GIL until it returns true or the time is over; returns which. Throws what a
    // signal handler raised.
    template <class Use>
    [[nodiscard]] bool wait(double timeout_s, Use use) {
        Socket& socket = open();
        const Reservation reservation(busy_);
        return wait_in_slices(timeout_s, [&](std::chrono::nanoseconds slice) { return use(socket, slice); });
    }

    [[nodiscard]] bool is_closed() const noexcept { return socket_ == nullptr; }

    // Calls `use` with the socket, without the GIL.
    template <class Use>
    void without_gil(Use use) {
        Socket& socket = open();
        const Reservation reservation(busy_);
        const GilRelease release;
        use(socket);
    }

    void close() {
        check_idle();
        destroy_socket();
    }

  private:
    class Reservation {
      public:
        explicit Reservation(bool& busy) : busy_(busy) { busy_ = true; }
        ~Reservation() { busy_ = false; }
        Reservation(const Reservation&) = delete;
        Reservation& operator=(const Reservation&) = delete;

      private:
        bool& busy_;
    };

    // Runs without the GIL, here and below, as libzmq starts and joins its threads.
    template <class... Arguments>
    [[nodiscard]] static std::unique_ptr<Socket> make(const Arguments&... arguments) {
        const GilRelease release;
        return std::make_unique<Socket>(arguments...);
    }

    void check_idle() const {
        if (!busy_) return;
        throw Error(Errc::invalid_argument, "this end of the hop is in use by a poll: use it from one thread");
    }

    static void check_fds(const std::vector<int>& fds) {
        for (const int fd : fds) {
            if (fd < 0) throw Error(Errc::invalid_argument, "wake_fds must be open file descriptors");
        }
    }

    void destroy_socket() noexcept {
        if (!socket_) return;
        std::unique_ptr<Socket> closing = std::move(socket_);
        const GilRelease release;
        closing.reset();
    }

    std::unique_ptr<Socket> socket_;
    Events events_;
    bool busy_ = false;
};

}  // namespace framehop::python
