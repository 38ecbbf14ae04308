#include "need.hpp"

#include "choice.hpp"
#include "pixel_count.hpp"

namespace framehop::python {
namespace {

using image::ResizeMode;

constexpr Named<ResizeMode> kModes[] = {{"stretch", ResizeMode::stretch},
                                        {"letterbox", ResizeMode::letterbox},
                                        {"letterbox-topleft", ResizeMode::letterbox_topleft}};

}  // namespace

ResizeMode resize_mode(const char* what, const std::string& name) { return choose(what, kModes, name); }

Need::Need(std::int64_t min_width, std::int64_t min_height, const std::string& fit)
    : box_{pixel_count("min_width", min_width), pixel_count("min_height", min_height)}, fit_(resize_mode("fit", fit)) {}

codec::Size Need::minimum(codec::Size source) const noexcept {
    if (box_.width == 0 || box_.height == 0) return box_;
    const image::Placement placed = image::place(fit_, source.width, source.height, box_.width, box_.height);
    return {placed.width, placed.height};
}

}  // namespace framehop::python
