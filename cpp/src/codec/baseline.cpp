#ifdef __x86_64__

#include "baseline.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>

namespace framehop::codec {
namespace {

constexpr std::uint32_t kRing = 2;    // rows of MCUs that are kept: a row between two of them needs both
constexpr std::uint32_t kNarrow = 2;  // so few samples libjpeg widens by repeating them

constexpr std::uint32_t kEighths = 8;

constexpr std::uint32_t divided_up(std::uint64_t value, std::uint64_t by) noexcept {
    return static_cast<std::uint32_t>((value + by - 1) / by);
}

// Says whether the scan has all components, in order, whole and sequential.
bool is_one_scan(const jpeg_decompress_struct& header) noexcept {
    if (header.progressive_mode != FALSE || header.arith_code != FALSE || header.data_precision != 8) return false;
    if (header.Ss != 0 || header.Se != DCTSIZE2 - 1 || header.Ah != 0 || header.Al != 0) return false;
    if (header.comps_in_scan != header.num_components) return false;
    for (int k = 0; k < header.num_components; ++k) {
        if (header.cur_comp_info[k] != header.comp_info + k) return false;
    }
    return true;
}

bool has_known_colours(const jpeg_decompress_struct& header) noexcept {
    if (header.num_components == 1) return header.jpeg_color_space == JCS_GRAYSCALE;
    return header.num_components == 3 && header.jpeg_color_space == JCS_YCbCr;
}

// Says whether each of the two components of chroma has one block, and luma one, two side by side, or two by two.
bool has_known_sampling(std::span<const jpeg_component_info> components) noexcept {
    if (components.size() == 1) return true;  // its factors mean nothing then
    const auto is_single = [](const jpeg_component_info& part) {
        return part.h_samp_factor == 1 && part.v_samp_factor == 1;
    };
    const int across = components[0].h_samp_factor;
    const int down = components[0].v_samp_factor;
    return is_single(components[1]) && is_single(components[2]) && across <= 2 && down <= across;
}

// Returns the table with this number, which libjpeg has not checked yet.
template <class Table, std::size_t count>
const Table* chosen(Table* const (&tables)[count], int number) noexcept {
    return number >= 0 && number < static_cast<int>(count) ? tables[number] : nullptr;
}

bool is_quick(std::uint32_t eighths) noexcept { return eighths <= kEighths && std::has_single_bit(eighths); }

std::span<const jpeg_component_info> components_of(const jpeg_decompress_struct& header) noexcept {
    return {header.comp_info, static_cast<std::size_t>(header.num_components)};
}

}  // namespace

void BaselineDecoder::Plane::reserve(std::uint32_t mcus) {
    rows = kRing * down * side;
    stride = divided_up(std::uint64_t{mcus} * across * side, kRowSlack) * kRowSlack + 2 * kRowSlack;
    const std::size_t size = std::size_t{rows} * stride + std::size_t{2} * kRowSlack;
    if (samples.size() < size) samples.resize(size);
}

std::uint8_t* BaselineDecoder::Plane::row(std::uint32_t y) noexcept {
    return samples.data() + kRowSlack + std::size_t{y % rows} * stride;
}

void BaselineDecoder::Plane::repeat_edges(std::uint32_t y) noexcept {
    std::uint8_t* const samples_of_row = row(y);
    samples_of_row[-1] = samples_of_row[0];
    samples_of_row[width] = samples_of_row[width - 1];
}

bool BaselineDecoder::start(const jpeg_decompress_struct& header, std::uint32_t eighths) {
    if (!is_one_scan(header) || !has_known_colours(header) || !has_known_sampling(components_of(header))) return false;
    if (!is_quick(eighths) || !assign_tables(header) || !plan_planes(header, eighths)) return false;
    plan_blocks();
    bytes_.start({header.src->next_input_byte, header.src->bytes_in_buffer});
    bits_ = bytes_.first();
    mcu_rows_ = written_ = restarts_ = 0;
    interval_ = to_restart_ = header.restart_interval;
    return true;
}

bool BaselineDecoder::assign_tables(const jpeg_decompress_struct& header) noexcept {
    component_count_ = static_cast<std::size_t>(header.num_components);
    for (std::size_t k = 0; k < component_count_; ++k) {
        const jpeg_component_info& info = header.comp_info[k];
        const JQUANT_TBL* const steps = chosen(header.quant_tbl_ptrs, info.quant_tbl_no);
        const JHUFF_TBL* const differences = chosen(header.dc_huff_tbl_ptrs, info.dc_tbl_no);
        const JHUFF_TBL* const runs = chosen(header.ac_huff_tbl_ptrs, info.ac_tbl_no);
        if (steps == nullptr || differences == nullptr || runs == nullptr) return false;
        if (std::ranges::max(steps->quantval) > kLargestStep) return false;
        steps_[k] = steps;
        components_[k] = {.dc_table = &dc_tables_[info.dc_tbl_no], .ac_table = &ac_tables_[info.ac_tbl_no]};
        if (!dc_tables_[info.dc_tbl_no].assign(*differences) || !ac_tables_[info.ac_tbl_no].assign(*runs)) return false;
    }
    return true;
}

BaselineDecoder::Upsampling BaselineDecoder::upsampling(const Plane& luma, std::uint32_t side_of_chroma) noexcept {
    if (luma.across == 1 || side_of_chroma > luma.side) return Upsampling::none;
    if (luma.down == 2) return Upsampling::h2v2;
    return luma.side == 1 ? Upsampling::replicated : Upsampling::h2v1;
}

// Chroma is decoded at twice the scale of luma where that gives it the same size; else its rows are widened.
bool BaselineDecoder::plan_planes(const jpeg_decompress_struct& header, std::uint32_t eighths) {
    const bool grey = component_count_ == 1;
    Plane& luma = planes_[0];
    luma.across = grey ? 1 : static_cast<std::uint32_t>(header.comp_info[0].h_samp_factor);
    luma.down = grey ? 1 : static_cast<std::uint32_t>(header.comp_info[0].v_samp_factor);
    luma.side = eighths;
    luma.width = divided_up(std::uint64_t{header.image_width} * eighths, kEighths);
    height_ = divided_up(std::uint64_t{header.image_height} * eighths, kEighths);
    mcus_ = divided_up(header.image_width, kSide * luma.across);

    const std::uint32_t side = luma.down == 2 ? std::min(2 * eighths, kEighths) : eighths;
    upsampling_ = upsampling(luma, side);
    for (Plane& plane : std::span(planes_).subspan(1, component_count_ - 1)) {
        plane.side = side;
        plane.width = divided_up(std::uint64_t{header.image_width} * side, kSide * luma.across);
    }
    if (upsampling_ >= Upsampling::h2v1 && planes_[1].width <= kNarrow) return false;
    for (Plane& plane : std::span(planes_).first(component_count_)) plane.reserve(mcus_);
    for (std::vector<std::uint8_t>& row : upsampled_) row.resize(std::max<std::size_t>(row.size(), planes_[0].stride));
    return true;
}

void BaselineDecoder::plan_blocks() noexcept {
    block_count_ = 0;
    for (std::size_t c = 0; c < component_count_; ++c) {
        const std::size_t count = std::size_t{planes_[c].across} * planes_[c].down;
        for (std::size_t k = 0; k < count; ++k, ++block_count_) {
            component_of_[block_count_] = c;
            order_[block_count_] = &components_[c];
            plan_block(block_count_, *steps_[c], planes_[c].stride);
        }
    }
    if (block_count_ % 2 != 0) plan_block(block_count_, JQUANT_TBL{}, kSide);
    const std::size_t pairs = (block_count_ + 1) / 2;
    const bool alike = component_count_ == 1 || planes_[1].side == planes_[0].side;
    const std::size_t luma = alike ? pairs : std::size_t{planes_[0].across} * planes_[0].down / 2;
    groups_[0] = {.first = 0, .count = luma, .inverse_dct = inverse_dct_to(planes_[0].side)};
    groups_[1] = {.first = luma, .count = pairs - luma, .inverse_dct = inverse_dct_to(planes_[1].side)};
}

void BaselineDecoder::plan_block(std::size_t number, const JQUANT_TBL& steps, std::uint32_t stride) noexcept {
    BlockPair& pair = pairs_[number / 2];
    const std::size_t half = number % 2;
    pair.dc_only[half] = true;
    pair.targets[half] = {.to = nowhere_.data(), .stride = stride};
    for (std::size_t k = 0; k < DCTSIZE2; ++k) {
        const std::size_t column = half * kSide + k % kSide;
        pair.steps.steps[k / kSide][column] = static_cast<std::int16_t>(steps.quantval[k]);
        pair.steps.limits[k / kSide][column] = static_cast<std::int16_t>(steps.quantval[k] * kLimit);
    }
}

bool BaselineDecoder::read_row(std::uint8_t* to) noexcept {
    while (mcu_rows_ < mcu_rows_for(written_)) {
        if (!read_mcus()) return false;
    }
    write(written_++, to);
    return true;
}

// Returns how many rows of MCUs must be read before row `y` can be written. Between rows of chroma it needs the next
// one, too.
std::uint32_t BaselineDecoder::mcu_rows_for(std::uint32_t y) const noexcept {
    const std::uint32_t last = upsampling_ == Upsampling::h2v2 ? std::min(y + 1, height_ - 1) : y;
    return last / (planes_[0].down * planes_[0].side) + 1;
}

bool BaselineDecoder::read_mcus() noexcept {
    std::size_t block = 0;
    for (Plane& plane : std::span(planes_).first(component_count_)) {
        const std::uint32_t top = mcu_rows_ * plane.down * plane.side;
        for (std::uint32_t y = 0; y < plane.down; ++y) {
            std::uint8_t* const row = plane.row(top + y * plane.side);
            for (std::size_t x = 0; x < plane.across; ++x) target(block++).to = row + x * plane.side;
        }
    }
    for (std::uint32_t mcu = 0; mcu < mcus_; ++mcu) {
        if (!read_mcu()) return false;
    }
    ++mcu_rows_;
    return bytes_.within(bits_);
}

bool BaselineDecoder::read_mcu() noexcept {
    if (interval_ != 0 && to_restart_-- == 0 && !restart()) return false;
    constexpr std::size_t kBlockBits =
        kLongestCode + DcTable::kMostBits + (DCTSIZE2 - 1) * (kLongestCode + AcTable::kMostBits);
    static_assert(kMostBlocks * kBlockBits / 8 < EntropyBytes::kMost, "an MCU is read without a look at the end");
    const std::span components = std::span(order_).first(block_count_);
    if (!bytes_.ready(bits_) || !read_blocks(bits_, components, pairs_.data())) return false;
    for (const Group& group : groups_) {
        const std::span pairs = std::span(pairs_).subspan(group.first, group.count);
        if (!pairs.empty() && !group.inverse_dct(pairs)) return false;
    }
    for (std::size_t k = 0; k < block_count_; ++k) {
        const Plane& plane = planes_[component_of_[k]];
        target(k).to += std::size_t{plane.across} * plane.side;
    }
    return true;
}

bool BaselineDecoder::restart() noexcept {
    for (ScanComponent& component : components_) component.last_dc = 0;
    to_restart_ = interval_ - 1;
    return bytes_.restart(restarts_++ % 8, bits_);
}

void BaselineDecoder::write(std::uint32_t y, std::uint8_t* to) noexcept {
    const std::uint8_t* const luma = planes_[0].row(y);
    if (component_count_ == 1) {
        grey_to_rgb(luma, planes_[0].width, to);
    } else {
        const std::uint8_t* const cb = upsampled_row(planes_[1], y, upsampled_[0]);
        ycc_to_rgb(luma, cb, upsampled_row(planes_[2], y, upsampled_[1]), planes_[0].width, to);
    }
}

// Returns the row of chroma for row `y` of luma, in its width.
const std::uint8_t* BaselineDecoder::upsampled_row(Plane& plane, std::uint32_t y,
                                                   std::vector<std::uint8_t>& wide) noexcept {
    if (upsampling_ == Upsampling::none) return plane.row(y);
    if (upsampling_ == Upsampling::replicated) {
        replicate_h2v1(plane.row(y), plane.width, wide.data());
        return wide.data();
    }
    if (upsampling_ == Upsampling::h2v1) {
        plane.repeat_edges(y);
        upsample_h2v1(plane.row(y), plane.width, wide.data());
        return wide.data();
    }
    const std::uint32_t near = y / 2;
    const std::uint32_t last = (height_ - 1) / 2;
    const std::uint32_t far = y % 2 != 0 ? std::min(near + 1, last) : near - std::min(near, 1U);
    plane.repeat_edges(near);
    plane.repeat_edges(far);
    upsample_h2v2(plane.row(near), plane.row(far), plane.width, wide.data());
    return wide.data();
}

}  // namespace framehop::codec

#endif
