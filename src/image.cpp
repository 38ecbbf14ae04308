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
#include "choice.hpp"
#include "framehop/base/error.hpp"
#include "framehop/image/placement.hpp"
#include "framehop/image/preprocess.hpp"
#include "gil.hpp"
#include "need.hpp"
#include "picture.hpp"
#include "pixel_count.hpp"

namespace framehop::python {
namespace {

using image::Colour;
using image::Layout;
using image::Preprocessor;

constexpr Named<Layout> kLayouts[] = {{"NHWC", Layout::nhwc}, {"NCHW", Layout::nchw}};
constexpr Named<Colour> kColours[] = {{"RGB", Colour::rgb}, {"BGR", Colour::bgr}};

Preprocessor make(std::int64_t width, std::int64_t height, const std::string& mode, const std::string& layout,
                  const std::string& colour, const std::array<float, 3>& scale, const std::array<float, 3>& bias,
                  float pad) {
    return Preprocessor({.width = pixel_count("width", width),
                         .height = pixel_count("height", height),
                         .mode = resize_mode("mode", mode),
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

bool has_shape(const py::array& out, const std::array<py::ssize_t, 3>& shape) {
    return out.ndim() == 4 && out.shape(1) == shape[0] && out.shape(2) == shape[1] && out.shape(3) == shape[2];
}

bool is_plain(const py::array& out) {
    const auto address = reinterpret_cast<std::uintptr_t>(out.data());
    return (out.flags() & py::array::c_style) != 0 && address % static_cast<std::uintptr_t>(out.itemsize()) == 0;
}

// The element's code in NumPy: f for float32, e for float16, B for uint8; 0 for everything else and for foreign byte
// orders.
char element_of(const py::array& out) {
    const char code = out.dtype().char_();
    const bool known = code == 'f' || code == 'e' || code == 'B';
    return known && out.dtype().byteorder() != '>' ? code : '\0';
}

// Returns `object` as an array that has room for `pictures`.
py::array checked(const Preprocessor& self, py::handle object, std::size_t pictures) {
    const std::array<py::ssize_t, 3> shape = tensor_shape(self.spec());
    py::array out = py::isinstance<py::array>(object) ? py::reinterpret_borrow<py::array>(object) : py::array();
    if (element_of(out) == '\0' || !has_shape(out, shape) || !is_plain(out)) {
        throw Error(Errc::invalid_argument,
                    "out must be an aligned, C-contiguous array of float32, float16 or uint8 [N, " +
                        std::to_string(shape[0]) + ", " + std::to_string(shape[1]) + ", " + std::to_string(shape[2]) +
                        "], not " + describe(object));
    }
    if (!out.writeable()) throw Error(Errc::invalid_argument, "out is read-only");
    if (std::cmp_less(out.shape(0), pictures)) {
        throw Error(Errc::invalid_argument,
                    "out has room for " + std::to_string(out.shape(0)) + " pictures, not " + std::to_string(pictures));
    }
    return out;
}

std::vector<BorrowedPicture> borrow(const py::sequence& pictures) {
    std::vector<BorrowedPicture> borrowed;
    borrowed.reserve(pictures.size());
    for (const py::handle picture : pictures) {
        borrowed.emplace_back(picture, ("pictures[" + std::to_string(borrowed.size()) + "]").c_str());
    }
    return borrowed;
}

template <class Element>
void fill(const Preprocessor& self, const std::vector<BorrowedPicture>& pictures, py::array& out, double* table) {
    const std::size_t size = self.tensor_size();
    auto* elements = static_cast<Element*>(out.mutable_data());
    const GilRelease release;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        const image::Transform transform = self.run(pictures[i].view(), std::span(elements + i * size, size));
        const double row[] = {transform.scale_x, transform.scale_y, transform.pad_x, transform.pad_y};
        std::ranges::copy(row, table + 4 * i);
    }
}

py::array_t<double> run(const Preprocessor& self, const py::sequence& pictures, const py::object& out) {
    const std::vector<BorrowedPicture> borrowed = borrow(pictures);
    py::array tensor = checked(self, out, borrowed.size());
    py::array_t<double> transforms = owned_array<double>({static_cast<py::ssize_t>(borrowed.size()), 4});
    switch (element_of(tensor)) {
        case 'e':
            fill<image::Half>(self, borrowed, tensor, transforms.mutable_data());
            break;
        case 'B':
            fill<std::uint8_t>(self, borrowed, tensor, transforms.mutable_data());
            break;
        default:
            fill<float>(self, borrowed, tensor, transforms.mutable_data());
    }
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
        image::place(resize_mode("mode", mode), side("width", width, kMost), side("height", height, kMost),
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
