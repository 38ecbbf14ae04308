#include "framehop/image/nms.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "framehop/base/error.hpp"
#include "gil.hpp"
#include "values.hpp"

namespace framehop::python {
namespace {

using image::NmsInput;
using image::NmsSpec;

using Kept = std::vector<std::size_t>;
using Picture = std::tuple<py::object, py::object, py::object>;  // boxes, scores, label ids

// Returns the values of `object`, an array [rows], or [rows, columns] if `columns` is not 0.
template <class Value>
std::span<const Value> values(const py::object& object, const char* name, const char* kind, py::ssize_t columns) {
    const py::array array = array_of<Value>(object, name, kind);
    const py::ssize_t axes = columns == 0 ? 1 : 2;
    if (array.ndim() != axes || (columns != 0 && array.shape(1) != columns)) refuse_array(object, name, kind);
    return values_of<Value>(array);
}

std::vector<NmsInput> borrow(const std::vector<Picture>& pictures) {
    std::vector<NmsInput> inputs;
    inputs.reserve(pictures.size());
    for (const auto& [boxes, scores, label_ids] : pictures) {
        inputs.push_back({.boxes = values<float>(boxes, "boxes", "float32 [k, 4]", 4),
                          .scores = values<float>(scores, "scores", "float32 [k]", 0),
                          .label_ids = values<std::int32_t>(label_ids, "label_ids", "int32 [k]", 0)});
    }
    return inputs;
}

std::vector<Kept> suppress(const std::vector<NmsInput>& inputs, const NmsSpec& spec) {
    const GilRelease release;
    std::vector<Kept> kept;
    kept.reserve(inputs.size());
    for (const NmsInput& input : inputs) kept.push_back(image::nms(input, spec));
    return kept;
}

py::array_t<py::ssize_t> to_array(const Kept& kept) {
    py::array_t<py::ssize_t> indices = owned_array<py::ssize_t>({static_cast<py::ssize_t>(kept.size())});
    std::ranges::copy(kept, indices.mutable_data());
    return indices;
}

std::size_t bound(const char* what, std::int64_t value) {
    if (value < 1) throw Error(Errc::invalid_argument, std::string(what) + " must be at least 1");
    return static_cast<std::size_t>(value);
}

std::vector<py::array_t<py::ssize_t>> nms(const std::vector<Picture>& pictures, float iou, bool class_agnostic,
                                          std::int64_t max_candidates, std::int64_t max_objects) {
    const std::vector<Kept> kept =
        suppress(borrow(pictures), {.iou = iou,
                                    .class_agnostic = class_agnostic,
                                    .max_candidates = bound("max_candidates", max_candidates),
                                    .max_objects = bound("max_objects", max_objects)});
    std::vector<py::array_t<py::ssize_t>> arrays;
    std::ranges::transform(kept, std::back_inserter(arrays), to_array);
    return arrays;
}

}  // namespace

void register_nms(py::module_& module) {
    module.def("nms", &nms, py::arg("pictures"), py::kw_only(), py::arg("iou"), py::arg("class_agnostic"),
               py::arg("max_candidates"), py::arg("max_objects"));
}

}  // namespace framehop::python
