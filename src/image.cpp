#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "framehop/base/error.hpp"
#include "framehop/image/placement.hpp"
#include "framehop/image/preprocess.hpp"
#include "gil.hpp"
#include "picture.hpp"
#include "pixel_count.hpp"

namespace framehop::python {
namespace {

using image::Colour;
using image::Layout;
using image::Preprocessor;
using image::ResizeMode;

template <class Value>
struct Named {
    const char* name;
    Value value;
};

constexpr Named<ResizeMode> kModes[] = {{"stretch", ResizeMode::stretch},
                                        {"letterbox", ResizeMode::letterbox},
                                        {"letterbox-topleft", ResizeMode::letterbox_topleft}};
constexpr Named<Layout> kLayouts[] = {{"NHWC", Layout::nhwc}, {"NCHW", Layout::nchw}};
constexpr Named<Colour> kColours[] = {{"RGB", Colour::rgb}, {"BGR", Colour::bgr}};

template <class Value, std::size_t N>
Value choose(const char* what, const Named<Value> (&choices)[N], const std::string& name) {
    std::string known;
    for (const Named<Value>& choice : choices) {
        if (name == choice.name) return choice.value;
        known += known.empty() ? choice.name : std::string(", ") + choice.name;
    }
    throw Error(Errc::invalid_argument, std::string(what) + " must be one of " + known + ", not " + name);
}

Preprocessor make(std::int64_t width, std::int64_t height, const std::string& mode, const std::string& layout,
                  const std::string& colour, const std::array<float, 3>& scale, const std::array<float, 3>& bias,
                  float pad) {
    return Preprocessor({.width = pixel_count("width", width),
                         .height = pixel_count("height", height),
                         .mode = choose("mode", kModes, mode),
                         .layout = choose("layout", kLayouts, layout),
                         .colour = choose("colour", kColours, colour),
                         .scale = scale,
                         .bias = bias,
                         .pad = pad});
}

std::array<py::ssize_t, 3> tensor_shape(const image::PreprocessSpec& spec) {
    const py::ssize_t height = spec.height;
    const py::ssize_t width = spec.width;
    if (spec.layout == Layout::nhwc) return {height, width, 3};
    return {3, height, width};
}

bool is_aligned(const py::array& out) { return reinterpret_cast<std::uintptr_t>(out.data()) % alignof(float) == 0; }

bool has_shape(const py::array& out, const std::array<py::ssize_t, 3>& shape) {
    return out.ndim() == 4 && out.shape(1) == shape[0] && out.shape(2) == shape[1] && out.shape(3) == shape[2];
}

// Checks `out` and returns all of it as floats.
std::span<float> tensor_floats(const Preprocessor& self, py::handle object, std::size_t pictures) {
    const std::array<py::ssize_t, 3> shape = tensor_shape(self.spec());
    const bool fits = py::isinstance<py::array_t<float, py::array::c_style>>(object) &&
                      has_shape(py::reinterpret_borrow<py::array>(object), shape) &&
                      is_aligned(py::reinterpret_borrow<py::array>(object));
    if (!fits) {
        throw Error(Errc::invalid_argument, "out must be an aligned, C-contiguous float32 array [N, " +
                                                std::to_string(shape[0]) + ", " + std::to_string(shape[1]) + ", " +
                                                std::to_string(shape[2]) + "], not " + describe(object));
    }
    auto out = py::reinterpret_borrow<py::array>(object);
    if (!out.writeable()) throw Error(Errc::invalid_argument, "out is read-only");
    if (std::cmp_less(out.shape(0), pictures)) {
        throw Error(Errc::invalid_argument,
                    "out has room for " + std::to_string(out.shape(0)) + " pictures, not " + std::to_string(pictures));
    }
    return {static_cast<float*>(out.mutable_data()), static_cast<std::size_t>(out.size())};
}

std::vector<BorrowedPicture> borrow(const py::sequence& pictures) {
    std::vector<BorrowedPicture> borrowed;
    borrowed.reserve(pictures.size());
    for (const py::handle picture : pictures) {
        borrowed.emplace_back(picture, ("pictures[" + std::to_string(borrowed.size()) + "]").c_str());
    }
    return borrowed;
}

void fill(const Preprocessor& self, const std::vector<BorrowedPicture>& pictures, std::span<float> floats,
          double* table) {
    const GilRelease release;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        const image::Transform transform =
            self.run(pictures[i].view(), floats.subspan(i * self.tensor_size(), self.tensor_size()));
        const double row[] = {transform.scale_x, transform.scale_y, transform.pad_x, transform.pad_y};
        std::ranges::copy(row, table + 4 * i);
    }
}

py::array_t<double> run(const Preprocessor& self, const py::sequence& pictures, const py::object& out) {
    const std::vector<BorrowedPicture> borrowed = borrow(pictures);
    const std::span<float> floats = tensor_floats(self, out, borrowed.size());
    py::array_t<double> transforms = owned_array<double>({static_cast<py::ssize_t>(borrowed.size()), 4});
    fill(self, borrowed, floats, transforms.mutable_data());
    return transforms;
}

// A side as `place` takes it. Its arithmetic is exact in 64 bits for inputs of up to kMaxInputSide.
std::uint32_t side(const char* what, std::int64_t value, std::uint32_t most) {
    if (value >= 1 && value <= most) return static_cast<std::uint32_t>(value);
    throw Error(Errc::invalid_argument,
                std::string(what) + " must be 1 to " + std::to_string(most) + " pixels, not " + std::to_string(value));
}

py::tuple place(const std::string& mode, std::int64_t width, std::int64_t height, std::int64_t input_width,
                std::int64_t input_height) {
    constexpr std::uint32_t kMost = std::numeric_limits<std::int32_t>::max();
    const image::Placement placed =
        image::place(choose("mode", kModes, mode), side("width", width, kMost), side("height", height, kMost),
                     side("input_width", input_width, image::kMaxInputSide),
                     side("input_height", input_height, image::kMaxInputSide));
    return py::make_tuple(placed.x, placed.y, placed.width, placed.height);
}

}  // namespace

void register_image(py::module_& module) {
    using Triple = std::array<float, 3>;
    py::class_<Preprocessor>(module, "Preprocessor", py::is_final())
        .def(py::init(&make), py::kw_only(), py::arg("width"), py::arg("height"), py::arg("mode") = "stretch",
             py::arg("layout") = "NHWC", py::arg("colour") = "RGB", py::arg("scale") = Triple{1.0F, 1.0F, 1.0F},
             py::arg("bias") = Triple{0.0F, 0.0F, 0.0F}, py::arg("pad") = 114.0F)
        .def("run", &run, py::arg("pictures"), py::arg("out"));
    module.def("place", &place, py::kw_only(), py::arg("mode"), py::arg("width"), py::arg("height"),
               py::arg("input_width"), py::arg("input_height"));
}

}  // namespace framehop::python
