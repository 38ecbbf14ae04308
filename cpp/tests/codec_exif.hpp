// JPEGs with an Exif segment, made byte by byte.
#pragma once

#include <cstdint>

#include "codec_pictures.hpp"

namespace framehop::codec::testing {

// A number in the byte order that the Exif structure says.
inline void put(Buffer& to, std::uint32_t value, int bytes, bool little) {
    for (int k = 0; k < bytes; ++k) {
        to.push_back(static_cast<std::uint8_t>(value >> 8 * (little ? k : bytes - 1 - k)));
    }
}

// Exif with two entries in its first directory: one that does not matter, and the orientation.
inline Buffer exif(std::uint32_t orientation, bool little = true, int type = 3) {
    Buffer body{'E', 'x', 'i', 'f', 0, 0};
    for (int k = 0; k < 2; ++k) body.push_back(little ? 'I' : 'M');
    put(body, 42, 2, little);
    put(body, 8, 4, little);
    put(body, 2, 2, little);
    for (const std::uint32_t tag : {0x0100U, 0x0112U}) {
        put(body, tag, 2, little);
        put(body, static_cast<std::uint32_t>(type), 2, little);
        put(body, 1, 4, little);
        put(body, tag == 0x0112U ? orientation : 7, type == 3 ? 2 : 4, little);
        if (type == 3) put(body, 0, 2, little);
    }
    put(body, 0, 4, little);
    return body;
}

// `jpeg` with an APP1 segment of `body` behind its start.
inline Buffer with_app1(Buffer jpeg, const Buffer& body) {
    const std::size_t length = body.size() + 2;
    Buffer segment{0xFF, 0xE1, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
    segment.insert(segment.end(), body.begin(), body.end());
    jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
    return jpeg;
}

}  // namespace framehop::codec::testing
