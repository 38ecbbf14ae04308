// VideoDecoder and VideoPool: the streams of a worker, decoded side by side, each picture written into a slot of the
// ring.
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"

#ifdef FRAMEHOP_VIDEO

#include <algorithm>
#include <chrono>

#include "array.hpp"
#include "buffer.hpp"
#include "framehop/base/error.hpp"
#include "framehop/base/failpoint.hpp"
#include "framehop/base/thread_pool.hpp"
#include "framehop/shm/ring.hpp"
#include "framehop/video/decoder.hpp"
#include "gil.hpp"
#include "need.hpp"
#include "pixel_count.hpp"

namespace framehop::python {
namespace {

using shm::Slot;
using SlotPtr = std::shared_ptr<Slot>;
using PicturePtr = std::shared_ptr<video::Picture>;
using Clock = std::chrono::steady_clock;

std::uint32_t microseconds_since(Clock::time_point start) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

// What became of one access unit.
struct VideoOutcome {
    std::uint64_t key = 0;
    video::Result result = video::Result::not_shown;
    PicturePtr picture;
    std::string error;
    std::string message;
    std::uint32_t decode_us = 0;

    [[nodiscard]] std::string result_name() const {
        constexpr const char* kNames[] = {"decoded", "failed", "no_keyframe", "not_shown"};
        return kNames[static_cast<std::size_t>(result)];
    }
};

VideoOutcome outcome_of(video::Outcome found, std::uint32_t decode_us) {
    return {.key = found.key,
            .result = found.result,
            .picture = found.picture ? std::make_shared<video::Picture>(std::move(*found.picture)) : nullptr,
            .error = found.error ? std::string(name(*found.error)) : "",
            .message = std::move(found.message),
            .decode_us = decode_us};
}

// The units of one stream and, afterwards, their outcomes. Worked at by one thread of the pool, without the GIL.
struct Batch {
    struct Unit {
        std::uint64_t key;
        std::int64_t shown_at;
        BorrowedBytes bytes;
    };

    std::shared_ptr<video::StreamDecoder> decoder;
    std::vector<Unit> units;
    std::vector<VideoOutcome> outcomes;
    std::optional<Error> failure;       // no fault of the bytes
    std::vector<video::Outcome> found;  // of the unit at hand

    void run() noexcept {
        try {
            for (const Unit& unit : units) decode(unit);
        } catch (const Error& error) {
            failure = error;
        } catch (const std::exception&) {
            failure = Error(Errc::no_memory, "no memory to decode video");
        }
    }

  private:
    void decode(const Unit& unit) {
        const Clock::time_point start = Clock::now();
        found.clear();
        decoder->decode(unit.bytes.bytes(), unit.key, unit.shown_at, found);
        const std::uint32_t took = microseconds_since(start);
        for (video::Outcome& each : found) outcomes.push_back(outcome_of(std::move(each), took));
    }
};

Batch make_batch(const py::handle& item) {
    const auto [decoder, units] = item.cast<std::pair<std::shared_ptr<video::StreamDecoder>, py::sequence>>();
    Batch batch{.decoder = decoder, .units = {}, .outcomes = {}, .failure = {}, .found = {}};
    for (const py::handle unit : units) {
        const auto [key, shown_at, bytes] = unit.cast<std::tuple<std::uint64_t, std::int64_t, py::object>>();
        batch.units.push_back({key, shown_at, BorrowedBytes(bytes)});
    }
    return batch;
}

void check_decoders(const std::vector<Batch>& batches) {
    std::vector<const video::StreamDecoder*> decoders;
    decoders.reserve(batches.size());
    for (const Batch& batch : batches) decoders.push_back(batch.decoder.get());
    std::ranges::sort(decoders);
    if (!decoders.empty() && decoders.front() == nullptr) throw Error(Errc::invalid_argument, "a decoder is None");
    if (std::ranges::adjacent_find(decoders) != decoders.end()) {
        throw Error(Errc::invalid_argument, "the same decoder is given twice: give all units of a stream together");
    }
}

// One picture on its way into one slot.
struct Writing {
    PicturePtr picture;
    shm::SlotWriter slot;
    codec::Orientation orientation = codec::Orientation::upright;
    std::optional<shm::SlotRef> ref;
    std::string error;
    std::string message;

    void run(const Need& need) noexcept {
        try {
            const codec::Size size = size_for(need);
            picture->write(orientation, slot.image(size.width, size.height));
            failpoint("decode.mid");
            ref = slot.publish();
        } catch (const Error& failure) {
            fail(name(failure.code()), failure.what());
        } catch (const std::exception&) {
            fail(name(Errc::no_memory), "no memory to write a picture");
        }
    }

  private:
    // libswscale converts a whole picture in a fifth of the time that it takes to convert and scale it.
    [[nodiscard]] codec::Size size_for(const Need& need) const noexcept {
        const codec::Size upright = codec::turned(picture->size(), orientation);
        if (codec::rgb_bytes(upright) <= slot.bytes()) return upright;
        return codec::scaled_size(upright, need.minimum(upright));
    }

    void fail(std::string_view code, const char* why) noexcept {
        slot.abandon();
        error = code;
        message = why;
    }
};

codec::Orientation checked_orientation(int orientation) {
    if (orientation < 1 || orientation > 8) {
        throw Error(Errc::invalid_argument, "orientation must be 1 to 8, not " + std::to_string(orientation));
    }
    return static_cast<codec::Orientation>(orientation);
}

Writing make_writing(const py::handle& item) {
    auto [picture, slot, orientation] = item.cast<std::tuple<PicturePtr, SlotPtr, int>>();
    if (!picture || !slot) throw Error(Errc::invalid_argument, "a picture or its slot is None");
    const codec::Orientation turn = checked_orientation(orientation);
    return {.picture = std::move(picture),
            .slot = shm::SlotWriter(std::move(slot)),
            .orientation = turn,
            .ref = {},
            .error = {},
            .message = {}};
}

class VideoPool {
  public:
    explicit VideoPool(unsigned threads) : pool_(threads) {}

    [[nodiscard]] unsigned threads() const noexcept { return pool_.threads(); }

    std::vector<std::vector<VideoOutcome>> decode(const py::sequence& work) {
        std::vector<Batch> batches;
        for (const py::handle item : work) batches.push_back(make_batch(item));
        check_decoders(batches);
        {
            const GilRelease release;
            pool_.run(batches.size(), [&](std::size_t k) { batches[k].run(); });
        }
        std::vector<std::vector<VideoOutcome>> outcomes;
        for (Batch& batch : batches) {
            if (batch.failure) throw Error(*batch.failure);
            outcomes.push_back(std::move(batch.outcomes));
        }
        return outcomes;
    }

    std::vector<Writing> write(const py::sequence& work, std::int64_t min_width, std::int64_t min_height,
                               const std::string& fit) {
        const Need need(min_width, min_height, fit);
        std::vector<Writing> writings;
        for (const py::handle item : work) writings.push_back(make_writing(item));
        const GilRelease release;
        pool_.run(writings.size(), [&](std::size_t k) { writings[k].run(need); });
        return writings;
    }

  private:
    ThreadPool pool_;
};

std::shared_ptr<video::StreamDecoder> make_decoder(const std::string& codec, std::int64_t max_pixels,
                                                   std::int64_t max_bytes) {
    if (max_bytes < 1) throw Error(Errc::invalid_argument, "max_bytes must be 1 or more");
    const video::Limits limits{pixel_cap(max_pixels), static_cast<std::uint64_t>(max_bytes)};
    return std::make_shared<video::StreamDecoder>(video_codec(codec), limits);
}

py::array_t<std::uint8_t> rgb(const video::Picture& self, int orientation, std::int64_t min_width,
                              std::int64_t min_height) {
    const codec::Orientation turn = checked_orientation(orientation);
    const Need need(min_width, min_height, "stretch");
    const codec::Size upright = codec::turned(self.size(), turn);
    const codec::Size size = codec::scaled_size(upright, need.minimum(upright));
    py::array_t<std::uint8_t> pixels = owned_array<std::uint8_t>({size.height, size.width, 3});
    const ImageView view{pixels.mutable_data(), size.width, size.height, size.width * 3, PixelFormat::rgb8};
    const GilRelease release;
    self.write(turn, view);
    return pixels;
}

std::vector<VideoOutcome> take_held(video::StreamDecoder& self) {
    const GilRelease release;
    std::vector<video::Outcome> found;
    self.take_held(found);
    std::vector<VideoOutcome> outcomes;
    outcomes.reserve(found.size());
    for (video::Outcome& each : found) outcomes.push_back(outcome_of(std::move(each), 0));
    return outcomes;
}

}  // namespace

void register_video_decoder(py::module_& module) {
    module.attr("VIDEO") = true;
    py::class_<video::Picture, PicturePtr>(module, "VideoPicture", py::is_final())
        .def_property_readonly("width", [](const video::Picture& self) { return self.size().width; })
        .def_property_readonly("height", [](const video::Picture& self) { return self.size().height; })
        .def("rgb", &rgb, py::kw_only(), py::arg("orientation") = 1, py::arg("min_width") = 0,
             py::arg("min_height") = 0);
    py::class_<VideoOutcome>(module, "VideoOutcome", py::is_final())
        .def_readonly("key", &VideoOutcome::key)
        .def_property_readonly("result", &VideoOutcome::result_name)
        .def_readonly("picture", &VideoOutcome::picture)
        .def_readonly("error", &VideoOutcome::error)
        .def_readonly("message", &VideoOutcome::message)
        .def_readonly("decode_us", &VideoOutcome::decode_us);
    py::class_<Writing>(module, "VideoWritten", py::is_final())
        .def_readonly("ref", &Writing::ref)
        .def_readonly("error", &Writing::error)
        .def_readonly("message", &Writing::message);
    py::class_<video::StreamDecoder, std::shared_ptr<video::StreamDecoder>>(module, "VideoDecoder", py::is_final())
        .def(py::init(&make_decoder), py::arg("codec"), py::kw_only(), py::arg("max_pixels") = codec::kDefaultMaxPixels,
             py::arg("max_bytes") = video::Limits{}.bytes)
        .def_property_readonly("held", &video::StreamDecoder::held)
        .def_property_readonly("bytes", &video::StreamDecoder::bytes)
        .def("take_held", &take_held)
        .def("note_gap", &video::StreamDecoder::note_gap);
    py::class_<VideoPool>(module, "VideoPool", py::is_final())
        .def(py::init<unsigned>(), py::kw_only(), py::arg("threads"))
        .def_property_readonly("threads", &VideoPool::threads)
        .def("decode", &VideoPool::decode, py::arg("work"))
        .def("write", &VideoPool::write, py::arg("work"), py::kw_only(), py::arg("min_width") = 0,
             py::arg("min_height") = 0, py::arg("fit") = "stretch");
}

}  // namespace framehop::python

#else

namespace framehop::python {

void register_video_decoder(py::module_& module) { module.attr("VIDEO") = false; }

}  // namespace framehop::python

#endif
