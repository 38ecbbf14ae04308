#include <algorithm>

#include "array.hpp"
#include "framehop/hop/trips.hpp"
#include "hop.hpp"

namespace framehop::python {
namespace {

using ClientHandle = SocketHandle<hop::HopClient, hop::ClientEvents>;
using ServerHandle = SocketHandle<hop::HopServer, hop::ServerEvents>;

py::array_t<std::int64_t> times_of(const hop::TripTimes& times) {
    auto array = owned_array<std::int64_t>({std::ssize(times)});
    std::copy(times.begin(), times.end(), array.mutable_data());
    return array;
}

// Runs one side without the GIL.
template <class Ask>
py::array_t<std::int64_t> timed(Ask ask) {
    hop::TripTimes times;
    {
        const GilRelease release;
        times = ask();
    }
    return times_of(times);
}

template <class Bare>
void register_bare(py::class_<Bare>& bare) {
    bare.def(
            "time_trips", [](Bare& self, std::size_t count) { return timed([&] { return self.time_trips(count); }); },
            py::arg("count"))
        .def(
            "answer_trips",
            [](Bare& self, std::size_t count) {
                const GilRelease release;
                self.answer_trips(count);
            },
            py::arg("count"));
}

}  // namespace

void register_hop_trips(py::module_& module) {
    module.def(
        "time_hop_trips",
        [](ClientHandle& client, std::size_t count) {
            hop::HopClient& open = client.open();
            return timed([&] { return hop::time_trips(open, count); });
        },
        py::arg("client"), py::arg("count"));
    module.def(
        "answer_hop_trips",
        [](ServerHandle& server, std::size_t count) {
            hop::HopServer& open = server.open();
            const GilRelease release;
            hop::answer_trips(open, count);
        },
        py::arg("server"), py::arg("count"));
    py::class_<hop::BareBells> bells(module, "BareBells", py::is_final());
    bells.def(py::init<int, int, int>(), py::arg("memory"), py::kw_only(), py::arg("mine"), py::arg("theirs"));
    register_bare(bells);
    py::class_<hop::BareZmq> zmq(module, "BareZmq", py::is_final());
    zmq.def(py::init<const std::string&, bool>(), py::arg("address"), py::kw_only(), py::arg("bind"));
    register_bare(zmq);
}

}  // namespace framehop::python
