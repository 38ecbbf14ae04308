#include "framehop/hop/frame_sender.hpp"

#include <pybind11/stl.h>

#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "framehop/codec/encode.hpp"
#include "framehop/hop/link.hpp"
#include "hop.hpp"
#include "lease.hpp"
#include "loans.hpp"
#include "pixel_count.hpp"

namespace framehop::python {
namespace {

using hop::FrameSender;
using hop::ReceiverInfo;
using hop::SenderOptions;

constexpr double kLingerS = std::chrono::duration<double>(hop::kLinger).count();

class SenderHandle {
  public:
    SenderHandle(const std::string& address, const SenderOptions& options)
        : socket_(std::make_unique<SocketHandle<FrameSender, hop::SenderEvents>>(address, options)) {}
    ~SenderHandle() {
        socket_.reset();  // with it, libzmq gives back all that it was lent
        loans_->collect();
    }
    SenderHandle(const SenderHandle&) = delete;
    SenderHandle& operator=(const SenderHandle&) = delete;

    [[nodiscard]] FrameSender& open() const { return socket_->open(); }

    [[nodiscard]] auto poll(double timeout_s, const std::vector<int>& wake_fds) {
        loans_->collect();
        hop::SenderEvents events = socket_->poll(timeout_s, wake_fds);
        return std::tuple(events.wants, std::move(events.notes), std::move(events.readable_fds));
    }
    [[nodiscard]] bool send(const LeaseHandle& lease, const py::bytes& note, bool skip) {
        return give(hop::frame_in(lease.share(), note), skip);
    }
    [[nodiscard]] bool send_jpeg(py::handle jpeg, const shm::FrameTag& tag, std::int64_t width, std::int64_t height,
                                 const py::bytes& note, bool skip) {
        loans_->collect();
        Loans::Lent lent = loans_->lend(BorrowedBytes(jpeg));
        return give({.tag = tag,
                     .width = pixel_count("width", width),
                     .height = pixel_count("height", height),
                     .stride = 0,
                     .encoding = wire::Encoding::jpeg,
                     .payload = lent.bytes,
                     .owner = std::move(lent.owner),
                     .note = note},
                    skip);
    }
    void send_as_jpeg(const LeaseHandle& lease, int quality, const py::bytes& note) {
        codec::check_encodable(lease.share()->image(), quality);
        hop::OutgoingFrame pixels = hop::frame_in(lease.share(), note);
        socket_->without_gil([&](FrameSender& sender) {
            sender.offer_encoded(std::move(pixels), [quality](const ConstImageView& view) {
                const codec::EncodedJpeg jpeg = codec::encode(view, quality);
                return std::vector<std::uint8_t>(jpeg.bytes().begin(), jpeg.bytes().end());
            });
        });
    }
    [[nodiscard]] bool drain(double timeout_s) {
        return socket_->wait(timeout_s,
                             [](FrameSender& sender, std::chrono::nanoseconds slice) { return sender.drain(slice); });
    }
    // Gives what is on its way so much time to arrive.
    void close(double linger_s) {
        if (socket_->is_closed()) return;
        try {
            static_cast<void>(drain(linger_s));
        } catch (...) {
            end();
            throw;
        }
        end();
    }

  private:
    void end() {
        socket_->close();
        loans_->collect();
    }
    [[nodiscard]] bool give(hop::OutgoingFrame frame, bool skip) const {
        if (!skip) return open().try_send(std::move(frame));
        open().offer(std::move(frame));
        return true;
    }

    std::shared_ptr<Loans> loans_ = std::make_shared<Loans>();
    std::unique_ptr<SocketHandle<FrameSender, hop::SenderEvents>> socket_;
};

std::unique_ptr<SenderHandle> make_sender(const std::string& address, const std::optional<std::string>& secret_key,
                                          const std::vector<std::string>& receiver_keys, bool insecure,
                                          std::uint32_t credits, std::uint32_t max_receivers, double silence_s) {
    SenderOptions options;
    if (secret_key) options.keys = hop::SenderKeys{.secret = *secret_key, .receivers = receiver_keys};
    options.insecure = insecure;
    options.credits = credits;
    options.max_receivers = max_receivers;
    options.silence = timeout_from_seconds(silence_s);
    return std::make_unique<SenderHandle>(address, options);
}

void register_info(py::module_& module) {
    py::class_<ReceiverInfo>(module, "ReceiverInfo", py::is_final())
        .def_readonly("session", &ReceiverInfo::session)
        .def_property_readonly("delivery", [](const ReceiverInfo& self) { return delivery_name(self.delivery); })
        .def_readonly("stream", &ReceiverInfo::stream)
        .def_readonly("address", &ReceiverInfo::address)
        .def_readonly("sent", &ReceiverInfo::sent)
        .def_readonly("received", &ReceiverInfo::received)
        .def_readonly("skipped", &ReceiverInfo::skipped);
}

}  // namespace

void register_frame_sender(py::module_& module) {
    register_info(module);
    py::class_<SenderHandle>(module, "FrameSender", py::is_final())
        .def(py::init(&make_sender), py::arg("address"), py::kw_only(), py::arg("secret_key") = py::none(),
             py::arg("receiver_keys") = py::tuple(), py::arg("insecure") = false, py::arg("credits") = 8,
             py::arg("max_receivers") = 16, py::arg("silence_s") = 5.0)
        .def_property_readonly("address", [](const SenderHandle& self) { return self.open().address(); })
        .def_property_readonly("receivers", [](const SenderHandle& self) { return self.open().receivers(); })
        .def_property_readonly("malformed", [](const SenderHandle& self) { return self.open().malformed(); })
        .def_property_readonly("refused", [](const SenderHandle& self) { return self.open().refused(); })
        .def("poll", &SenderHandle::poll, py::arg("timeout_s"), py::arg("wake_fds") = py::tuple())
        .def(
            "has_room",
            [](const SenderHandle& self, const std::string& stream) { return self.open().has_room(stream); },
            py::arg("stream"))
        .def("send", &SenderHandle::send, py::arg("lease"), py::kw_only(), py::arg("note") = py::bytes(),
             py::arg("skip") = false)
        .def("send_jpeg", &SenderHandle::send_jpeg, py::arg("jpeg"), py::kw_only(), py::arg("tag"), py::arg("width"),
             py::arg("height"), py::arg("note") = py::bytes(), py::arg("skip") = false)
        .def("send_as_jpeg", &SenderHandle::send_as_jpeg, py::arg("lease"), py::kw_only(), py::arg("quality") = 85,
             py::arg("note") = py::bytes())
        .def("drain", &SenderHandle::drain, py::arg("timeout_s"))
        .def("close", [](SenderHandle& self) { self.close(kLingerS); })
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](SenderHandle& self, const py::object& kind, const py::args&) {
            self.close(kind.is_none() ? kLingerS : 0.0);
        });
}

}  // namespace framehop::python
