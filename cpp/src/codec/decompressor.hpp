// Decodes by libjpeg's own interface. TurboJPEG's hides which warning came, and only some of them mean lost pixels.
#pragma once

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "framehop/codec/jpeg.hpp"
#include "libjpeg.hpp"

namespace framehop::codec {

// The reason why libjpeg gave up: its message code and text.
struct Complaint {
    int code = 0;
    std::array<char, JMSG_LENGTH_MAX> text{};

    [[nodiscard]] bool is_lack_of_memory() const noexcept;
    [[nodiscard]] bool is_unsupported() const noexcept;
};

// Reads one picture. Each step returns false when libjpeg gives up, or at the first warning that means
// pixels are missing or wrong; complaint() then says why, and the decompressor must be dropped. Not thread-safe.
class Decompressor {
  public:
    Decompressor();  // throws Errc::no_memory
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;
    ~Decompressor();

    [[nodiscard]] bool read_header(Bytes bytes) noexcept;
    // The size as stored, not yet turned upright. Valid after read_header.
    [[nodiscard]] Size size() const noexcept { return {info_.image_width, info_.image_height}; }
    [[nodiscard]] int precision() const noexcept { return info_.data_precision; }
    [[nodiscard]] J_COLOR_SPACE colours() const noexcept { return info_.jpeg_color_space; }
    // All that the header says. The picture's next bytes are those of its first scan.
    [[nodiscard]] const jpeg_decompress_struct& header() const noexcept { return info_; }

    // Decodes to RGB at eighths/8 of the size, straight into `view`, which has that many pixels.
    [[nodiscard]] bool decode(std::uint32_t eighths, const ImageView& view) noexcept;

    // Decodes to RGB at eighths/8 of the size. `take(top, rows)` gets the picture in strips, from top to bottom, and
    // must not throw: it is called between libjpeg's steps.
    template <class Take>
    [[nodiscard]] bool decode_strips(std::uint32_t eighths, Take take) noexcept {
        if (!start(eighths) || !make_strip()) return false;
        while (info_.output_scanline < info_.output_height) {
            const std::uint32_t top = info_.output_scanline;
            if (!read_rows()) return false;
            take(top, strip(info_.output_scanline - top));
        }
        return is_whole();
    }

    [[nodiscard]] const Complaint& complaint() const noexcept { return complaint_; }

  private:
    template <class Step>
    bool attempt(Step step) noexcept;

    [[nodiscard]] bool start(std::uint32_t eighths) noexcept;
    [[nodiscard]] bool make_strip() noexcept;
    [[nodiscard]] bool read_rows() noexcept;
    [[nodiscard]] ConstImageView strip(std::uint32_t height) const noexcept;
    [[nodiscard]] bool is_whole() noexcept;
    [[nodiscard]] bool has_every_scan() const noexcept;
    [[noreturn]] void give_up() noexcept;

    static Decompressor& of(j_common_ptr info) noexcept { return *static_cast<Decompressor*>(info->client_data); }
    static void on_error(j_common_ptr info);
    static void on_warning(j_common_ptr info, int level);
    static void on_progress(j_common_ptr info);

    static constexpr std::uint32_t kStripRows = 16;  // the rows of an MCU with 4:2:0 chroma

    jpeg_decompress_struct info_{};
    jpeg_error_mgr errors_{};
    jpeg_progress_mgr progress_{};
    std::jmp_buf back_{};
    Complaint complaint_;
    std::array<JSAMPROW, kStripRows> rows_{};  // where the next rows go
    bool ran_out_ = false;                     // the bytes ended before the end of the image
};

}  // namespace framehop::codec
