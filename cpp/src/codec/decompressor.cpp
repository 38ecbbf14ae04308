#include "decompressor.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "framehop/base/error.hpp"

namespace framehop::codec {
namespace {

constexpr int kMaxScans = 500;  // the number of TurboJPEG's LIMITSCANS; a progressive bomb has thousands

// Lists the warnings after which every pixel is still as encoded. Any other one, also of later versions, means damage.
bool is_harmless(int warning) noexcept {
    switch (warning) {
        case JWRN_ADOBE_XFORM:      // an unknown colour transform: libjpeg takes the usual one
        case JWRN_EXTRANEOUS_DATA:  // webcams leave bytes between a finished segment and the next marker
        case JWRN_JFIF_MAJOR:       // a number in the file's header
        case JWRN_NOT_SEQUENTIAL:   // scan parameters that baseline does not have, and that are not used
            return true;
        default:
            return false;
    }
}

void set_text(Complaint& complaint, const char* text) noexcept {
    complaint.code = 0;
    std::strncpy(complaint.text.data(), text, complaint.text.size() - 1);
}

}  // namespace

bool Complaint::is_lack_of_memory() const noexcept { return code == JERR_OUT_OF_MEMORY; }

bool Complaint::is_unsupported() const noexcept {
    return code == JERR_FRACT_SAMPLE_NOTIMPL || code == JERR_CONVERSION_NOTIMPL || code == JERR_CCIR601_NOTIMPL ||
           code == JERR_ARITH_NOTIMPL || code == JERR_NOTIMPL;
}

// The only place to which libjpeg's errors jump back. The jump skips only C frames and steps that own nothing.
template <class Step>
bool Decompressor::attempt(Step step) noexcept {
    if (setjmp(back_) != 0) return false;  // NOLINT(cert-err52-cpp,modernize-avoid-setjmp-longjmp): libjpeg is C
    step();
    return true;
}

Decompressor::Decompressor() {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = &on_error;
    errors_.emit_message = &on_warning;
    info_.client_data = this;
    progress_.progress_monitor = &on_progress;
    if (!attempt([this] { jpeg_create_decompress(&info_); })) {
        jpeg_destroy_decompress(&info_);
        throw Error(Errc::no_memory, std::string("libjpeg cannot be initialised: ") + complaint_.text.data());
    }
    info_.progress = &progress_;
}

Decompressor::~Decompressor() { jpeg_destroy_decompress(&info_); }

bool Decompressor::read_header(Bytes bytes) noexcept {
    ran_out_ = false;
    const bool read = attempt([&] {
        jpeg_mem_src(&info_, bytes.data(), bytes.size());
        jpeg_read_header(&info_, TRUE);
    });
    if (read && ran_out_) set_text(complaint_, "it ends in its header");
    return read && !ran_out_;
}

bool Decompressor::start(std::uint32_t eighths) noexcept {
    return attempt([&] {
        info_.scale_num = eighths;
        info_.scale_denom = 8;
        info_.out_color_space = JCS_EXT_RGB;
        jpeg_start_decompress(&info_);
    });
}

bool Decompressor::decode(std::uint32_t eighths, const ImageView& view) noexcept {
    if (!start(eighths)) return false;
    while (info_.output_scanline < info_.output_height) {
        const std::uint32_t top = info_.output_scanline;
        const std::uint32_t count = std::min(kStripRows, info_.output_height - top);
        for (std::uint32_t k = 0; k < count; ++k) rows_[k] = view.row(top + k);
        if (!read_rows()) return false;
    }
    return is_whole();
}

// Takes a strip from libjpeg, which owns it until the picture ends. Its rows are in order, but with gaps between them.
bool Decompressor::make_strip() noexcept {
    return attempt([this] {
        JSAMPROW* const rows = info_.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&info_), JPOOL_IMAGE,
                                                       info_.output_width * 3, kStripRows);
        std::copy_n(rows, kStripRows, rows_.begin());
    });
}

// Reads the next rows to the addresses in rows_, as many as it has and the picture still gives.
bool Decompressor::read_rows() noexcept {
    return attempt([this] {
        const std::uint32_t count = std::min(kStripRows, info_.output_height - info_.output_scanline);
        const std::uint32_t end = info_.output_scanline + count;
        while (info_.output_scanline < end) {
            const std::uint32_t left = end - info_.output_scanline;
            jpeg_read_scanlines(&info_, rows_.data() + (count - left), left);
        }
    });
}

ConstImageView Decompressor::strip(std::uint32_t height) const noexcept {
    return {rows_[0], info_.output_width, height, static_cast<std::uint32_t>(rows_[1] - rows_[0]), PixelFormat::rgb8};
}

// When the bytes end early, no pixel is missing if the entropy decoder never asked for more (it would have warned) and
// no scan was still to come. Arithmetic codes may leave out zeros at their end, so with them it cannot be known.
bool Decompressor::is_whole() noexcept {
    if (!ran_out_ || (info_.arith_code == FALSE && has_every_scan())) return true;
    set_text(complaint_, "Premature end of JPEG file");
    return false;
}

bool Decompressor::has_every_scan() const noexcept {
    const auto components = static_cast<std::size_t>(info_.num_components);
    if (info_.coef_bits == nullptr) {  // sequential: a component's tables are kept when its scan begins
        const std::span parts(info_.comp_info, components);
        return std::ranges::all_of(parts, [](const auto& part) { return part.quant_table != nullptr; });
    }
    const std::span bits(&info_.coef_bits[0][0], components * DCTSIZE2);  // bits still to come, by coefficient
    return std::ranges::all_of(bits, [](int left) { return left == 0; });
}

void Decompressor::give_up() noexcept {
    std::longjmp(back_, 1);  // NOLINT(cert-err52-cpp,modernize-avoid-setjmp-longjmp): libjpeg is C
}

void Decompressor::on_error(j_common_ptr info) {
    Decompressor& self = of(info);
    self.complaint_.code = info->err->msg_code;
    info->err->format_message(info, self.complaint_.text.data());
    self.give_up();
}

void Decompressor::on_warning(j_common_ptr info, int level) {
    if (level >= 0 || is_harmless(info->err->msg_code)) return;  // levels from 0 on are traces
    if (info->err->msg_code != JWRN_JPEG_EOF) on_error(info);
    of(info).ran_out_ = true;
}

void Decompressor::on_progress(j_common_ptr info) {
    Decompressor& self = of(info);
    if (self.info_.input_scan_number <= kMaxScans) return;
    set_text(self.complaint_, "it has more than 500 scans");
    self.give_up();
}

}  // namespace framehop::codec
