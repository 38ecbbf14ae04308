#include "framehop/image/scores.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "gil.hpp"
#include "values.hpp"

namespace framehop::python {
namespace {

using Indices = py::array_t<py::ssize_t>;

template <class To, class From>
py::array_t<To> copied(const std::vector<From>& values) {
    py::array_t<To> array = owned_array<To>({static_cast<py::ssize_t>(values.size())});
    std::ranges::copy(values, array.mutable_data());
    return array;
}

bool all_finite(const py::object& values) {
    const py::array array = array_of<float>(values, "values", "float32 array");
    const GilRelease release;
    return image::all_finite(values_of<float>(array));
}

image::BestClasses find(const py::array& scores, float threshold) {
    const auto columns = static_cast<std::size_t>(scores.shape(1));
    const auto values = values_of<float>(scores);
    const GilRelease release;
    return image::best_classes(values, columns, threshold);
}

std::tuple<Indices, Indices, py::array_t<float>> best_classes(const py::object& scores, float threshold) {
    constexpr const char* kKind = "float32 [A, C]";
    const py::array array = array_of<float>(scores, "scores", kKind);
    if (array.ndim() != 2) refuse_array(scores, "scores", kKind);
    const image::BestClasses found = find(array, threshold);
    return {copied<py::ssize_t>(found.rows), copied<py::ssize_t>(found.classes), copied<float>(found.scores)};
}

}  // namespace

void register_scores(py::module_& module) {
    module.def("all_finite", &all_finite, py::arg("values"));
    module.def("best_classes", &best_classes, py::arg("scores"), py::arg("threshold"));
}

}  // namespace framehop::python
