// Decodes what cameras write: 8-bit JPEGs of one Huffman-coded scan, grey or YCbCr, at the quick scales. It gives the
// pixels that libjpeg-turbo gives, sooner. Whatever else there is, also damage, it leaves to libjpeg, which says what
// is wrong.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "baseline_kernels.hpp"
#include "entropy_bytes.hpp"
#include "huffman.hpp"
#include "libjpeg.hpp"

namespace framehop::codec {

// Reads one picture after the other. Keeps memory for two rows of MCUs of the widest, at most a few MB. Defined for
// x86-64 alone, and to be used only where has_baseline_kernels(). Neither copied nor moved: its parts point to each
// other. Not thread-safe.
class BaselineDecoder {
  public:
    // Begins with a picture whose header libjpeg has read, up to its scan; its bytes must live until the last row, its
    // `header` only for this call. Returns false if this decoder does not read such pictures. Throws std::bad_alloc.
    [[nodiscard]] bool start(const jpeg_decompress_struct& header, std::uint32_t eighths);

    // Writes the next row as RGB, 3 * width bytes of the scaled picture; at most as many rows as that has. Returns
    // false at anything that libjpeg might see otherwise; then start() comes next.
    [[nodiscard]] bool read_row(std::uint8_t* to) noexcept;

  private:
    static constexpr std::size_t kMostComponents = 3;
    static constexpr std::size_t kMostBlocks = 6;

    // How chroma gets the width of luma.
    enum class Upsampling : std::uint8_t { none, replicated, h2v1, h2v2 };

    // The samples of a component: a ring of rows, with slack at either end.
    struct Plane {
        std::uint32_t across = 1;  // blocks of an MCU
        std::uint32_t down = 1;
        std::uint32_t side = 8;   // of a block, in samples
        std::uint32_t width = 0;  // of the picture, in samples
        std::uint32_t stride = 0;
        std::uint32_t rows = 0;
        std::vector<std::uint8_t> samples;

        void reserve(std::uint32_t mcus);
        [[nodiscard]] std::uint8_t* row(std::uint32_t y) noexcept;
        void repeat_edges(std::uint32_t y) noexcept;
    };

    // Pairs of blocks of an MCU that are transformed to the same side.
    struct Group {
        std::size_t first = 0;
        std::size_t count = 0;
        InverseDct inverse_dct = nullptr;
    };

    [[nodiscard]] bool assign_tables(const jpeg_decompress_struct& header) noexcept;
    [[nodiscard]] static Upsampling upsampling(const Plane& luma, std::uint32_t side_of_chroma) noexcept;
    [[nodiscard]] bool plan_planes(const jpeg_decompress_struct& header, std::uint32_t eighths);
    void plan_blocks() noexcept;
    void plan_block(std::size_t number, const JQUANT_TBL& steps, std::uint32_t stride) noexcept;
    [[nodiscard]] Target& target(std::size_t block) noexcept { return pairs_[block / 2].targets[block % 2]; }
    [[nodiscard]] bool read_mcus() noexcept;
    [[nodiscard]] bool read_mcu() noexcept;
    [[nodiscard]] bool restart() noexcept;
    void write(std::uint32_t y, std::uint8_t* to) noexcept;
    [[nodiscard]] const std::uint8_t* upsampled_row(Plane& plane, std::uint32_t y,
                                                    std::vector<std::uint8_t>& wide) noexcept;
    [[nodiscard]] std::uint32_t mcu_rows_for(std::uint32_t y) const noexcept;

    std::array<BlockPair, (kMostBlocks + 1) / 2> pairs_;
    std::array<DcTable, NUM_HUFF_TBLS> dc_tables_;
    std::array<AcTable, NUM_HUFF_TBLS> ac_tables_;
    EntropyBytes bytes_;
    BitBuffer bits_;
    std::array<ScanComponent, kMostComponents> components_;
    std::array<const JQUANT_TBL*, kMostComponents> steps_{};
    std::array<Plane, kMostComponents> planes_;
    std::array<std::vector<std::uint8_t>, 2> upsampled_;
    std::array<std::size_t, kMostBlocks> component_of_{};  // by block of an MCU
    std::array<ScanComponent*, kMostBlocks> order_{};
    std::array<Group, 2> groups_;
    std::array<std::uint8_t, kSide * kSide> nowhere_{};  // where the second of a pair goes if there is none
    std::size_t component_count_ = 0;
    std::size_t block_count_ = 0;
    std::uint32_t height_ = 0;    // of what is written
    std::uint32_t mcus_ = 0;      // of a row
    std::uint32_t mcu_rows_ = 0;  // read so far
    std::uint32_t written_ = 0;   // rows
    std::uint32_t interval_ = 0;  // MCUs between restarts, 0 for none
    std::uint32_t to_restart_ = 0;
    std::uint32_t restarts_ = 0;
    Upsampling upsampling_ = Upsampling::none;
};

}  // namespace framehop::codec
