// JPEGs of kinds that TurboJPEG's interface does not make.
#pragma once

#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "codec_pictures.hpp"

namespace framehop::codec::testing {

// A JPEG of a painted picture; `set_up(jpeg_compress_struct&)` makes it special. Errors end the test program.
template <class SetUp>
Buffer compressed(std::uint32_t width, std::uint32_t height, SetUp set_up) {
    GuardedPicture picture(width, height);
    paint(picture.view());
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* data = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &data, &size);
    info.image_width = width;
    info.image_height = height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    set_up(info);
    jpeg_start_compress(&info, TRUE);
    for (std::uint32_t y = 0; y < height; ++y) {
        JSAMPROW row = picture.view().row(y);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    Buffer jpeg(data, data + size);
    jpeg_destroy_compress(&info);
    std::free(data);
    return jpeg;
}

// A grey JPEG of one block with these coefficients, which need not be those of a picture, and the same step for each.
inline Buffer of_coefficients(const std::array<JCOEF, DCTSIZE2>& values, UINT16 step) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* data = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &data, &size);
    info.image_width = info.image_height = DCTSIZE;
    info.input_components = 1;
    info.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    std::fill_n(info.quant_tbl_ptrs[0]->quantval, DCTSIZE2, step);
    const auto common = reinterpret_cast<j_common_ptr>(&info);
    jvirt_barray_ptr blocks = info.mem->request_virt_barray(common, JPOOL_IMAGE, TRUE, 1, 1, 1);
    jpeg_write_coefficients(&info, &blocks);
    std::ranges::copy(values, info.mem->access_virt_barray(common, blocks, 0, 1, TRUE)[0][0]);
    jpeg_finish_compress(&info);
    Buffer jpeg(data, data + size);
    jpeg_destroy_compress(&info);
    std::free(data);
    return jpeg;
}

}  // namespace framehop::codec::testing
