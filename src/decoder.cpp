// JpegDecoder connects the codec, which knows only memory, with the ring, which knows only slots.
#include <pybind11/stl.h>
#include <sched.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bindings.hpp"
#include "buffer.hpp"
#include "framehop/base/error.hpp"
#include "framehop/codec/batch.hpp"
#include "framehop/shm/ring.hpp"
#include "gil.hpp"
#include "need.hpp"
#include "pixel_count.hpp"

namespace framehop::python {
namespace {

using shm::Slot;
using SlotPtr = std::shared_ptr<Slot>;

struct DecodeResult {
    std::optional<shm::SlotRef> ref;
    codec::DecodeOutcome outcome;

    [[nodiscard]] std::string error() const { return outcome.error ? std::string(name(*outcome.error)) : ""; }
};

// One picture on its way into one slot. Its callbacks run on the decoder's threads, without the GIL.
struct Job {
    SlotPtr slot;
    BorrowedBytes picture;
    std::optional<shm::SlotRef> ref;

    void end(bool decoded) {
        if (decoded) {
            ref = slot->publish();
        } else {
            slot->abandon();
        }
    }
    [[nodiscard]] ImageView target(const Need& need, codec::Size source) const {
        const codec::Size size = codec::quickest_size(source, need.minimum(source), slot->bytes());
        return slot->image(size.width, size.height);
    }
    // `need` is borrowed until the task is done.
    [[nodiscard]] codec::DecodeTask task(const Need& need) {
        return {.bytes = picture.bytes(),
                .target = [this, &need](codec::Size source) { return target(need, source); },
                .done = [this](bool decoded) { end(decoded); }};
    }
};

void check_slots(std::vector<SlotPtr> slots, std::size_t pictures) {
    if (slots.size() != pictures) {
        throw Error(Errc::invalid_argument, std::to_string(slots.size()) + " slots cannot take " +
                                                std::to_string(pictures) + " pictures: one slot each");
    }
    std::ranges::sort(slots);
    if (!slots.empty() && slots.front() == nullptr) throw Error(Errc::invalid_argument, "slots holds None");
    // A slot given twice would be written by two threads at once.
    if (std::ranges::adjacent_find(slots) != slots.end()) {
        throw Error(Errc::invalid_argument, "the same slot is given twice");
    }
}

std::vector<Job> make_jobs(std::vector<SlotPtr> slots, const py::sequence& pictures) {
    std::vector<Job> jobs;
    jobs.reserve(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        jobs.push_back({std::move(slots[i]), BorrowedBytes(py::object(pictures[i])), std::nullopt});
    }
    return jobs;
}

std::vector<codec::DecodeOutcome> run_jobs(codec::BatchDecoder& decoder, std::vector<Job>& jobs, const Need& need) {
    const GilRelease release;
    std::vector<codec::DecodeTask> tasks;
    tasks.reserve(jobs.size());
    for (Job& job : jobs) tasks.push_back(job.task(need));
    std::vector<codec::DecodeOutcome> outcomes(jobs.size());
    decoder.decode(tasks, outcomes);
    return outcomes;
}

// Returns the number of cores that this process may use.
unsigned usable_cores() {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) return static_cast<unsigned>(CPU_COUNT(&allowed));
    return std::max(1U, std::thread::hardware_concurrency());  // more cores than cpu_set_t holds
}

unsigned thread_count(std::int64_t threads) {
    if (threads == 0) return std::min(usable_cores(), codec::BatchDecoder::kMaxThreads);
    if (threads < 0 || threads > std::int64_t{codec::BatchDecoder::kMaxThreads}) {
        throw Error(Errc::invalid_argument, "threads must be 0 to " + std::to_string(codec::BatchDecoder::kMaxThreads) +
                                                ", not " + std::to_string(threads));
    }
    return static_cast<unsigned>(threads);
}

// The decoder is shared, so that a close in one thread does not end the pool during another's batch.
class DecoderHandle {
  public:
    DecoderHandle(std::int64_t threads, std::int64_t max_pixels)
        : threads_(thread_count(threads)),
          decoder_(std::make_shared<codec::BatchDecoder>(threads_, pixel_cap(max_pixels))) {}

    [[nodiscard]] unsigned threads() const noexcept { return threads_; }
    [[nodiscard]] std::shared_ptr<codec::BatchDecoder> open() const {
        if (!decoder_) throw Error(Errc::closed, "the JPEG decoder is closed");
        return decoder_;
    }
    void close() { decoder_.reset(); }

  private:
    unsigned threads_;
    std::shared_ptr<codec::BatchDecoder> decoder_;  // touched with the GIL only
};

std::vector<DecodeResult> decode(const DecoderHandle& self, std::vector<SlotPtr> slots, const py::sequence& pictures,
                                 std::int64_t min_width, std::int64_t min_height, const std::string& fit) {
    const std::shared_ptr<codec::BatchDecoder> decoder = self.open();
    const Need need(min_width, min_height, fit);
    check_slots(slots, pictures.size());
    std::vector<Job> jobs = make_jobs(std::move(slots), pictures);
    std::vector<codec::DecodeOutcome> outcomes = run_jobs(*decoder, jobs, need);
    std::vector<DecodeResult> results;
    results.reserve(jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) results.push_back({jobs[i].ref, std::move(outcomes[i])});
    return results;
}

}  // namespace

void register_decoder(py::module_& module) {
    py::class_<DecodeResult>(module, "DecodeResult", py::is_final())
        .def_readonly("ref", &DecodeResult::ref)
        .def_property_readonly("error", &DecodeResult::error)
        .def_property_readonly("message", [](const DecodeResult& self) { return self.outcome.message; })
        .def_property_readonly("source_width", [](const DecodeResult& self) { return self.outcome.source.width; })
        .def_property_readonly("source_height", [](const DecodeResult& self) { return self.outcome.source.height; })
        .def_property_readonly("decode_us", [](const DecodeResult& self) { return self.outcome.decode_us; });
    py::class_<DecoderHandle>(module, "JpegDecoder", py::is_final())
        .def(py::init<std::int64_t, std::int64_t>(), py::kw_only(), py::arg("threads") = 0,
             py::arg("max_pixels") = codec::kDefaultMaxPixels)
        .def_property_readonly("threads", &DecoderHandle::threads)
        .def("decode", &decode, py::arg("slots"), py::arg("pictures"), py::kw_only(), py::arg("min_width") = 0,
             py::arg("min_height") = 0, py::arg("fit") = "stretch")
        .def("close", &DecoderHandle::close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](DecoderHandle& self, const py::args&) { self.close(); });
}

}  // namespace framehop::python
