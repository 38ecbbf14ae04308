"""Motion JPEG: what cameras leave out of their pictures, and how large those are."""

from __future__ import annotations

import functools

from framehop._core import encode_jpeg, read_jpeg_header
from framehop.errors import PictureError

_SOS, _DHT = 0xDA, 0xC4
_MOST_MARKERS = 1024  # in front of a picture's first scan; fill bytes count too
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def with_tables(jpeg: bytes) -> bytes:
    """Return `jpeg` with the standard Huffman tables if it has none, as Motion JPEG in AVI and from USB cameras; anything else
    unchanged."""
    scan_at, tables = _look(jpeg)
    return jpeg[:scan_at] + _standard_tables() + jpeg[scan_at:] if scan_at and not tables else jpeg


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return width and height, (0, 0) if they cannot be read."""
    try:
        header = read_jpeg_header(jpeg)
    except PictureError:
        return 0, 0
    return header.width, header.height


def _look(jpeg: bytes) -> tuple[int, bytes]:
    """Return where the first scan begins, 0 if nowhere within so many markers, and the Huffman tables in front of it."""
    at, tables = 2, b""
    for _ in range(_MOST_MARKERS):
        if at + 4 > len(jpeg) or jpeg[at] != 0xFF:
            break
        marker = jpeg[at + 1]
        if marker == _SOS:
            return at, tables
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if marker == _DHT:
            tables += jpeg[at:end]
        at = end
    return 0, tables


@functools.cache
def _standard_tables() -> bytes:
    """Return the segments with the tables of ITU-T T.81, Annex K.3, which libjpeg writes unless it is asked to optimise them."""
    import numpy as np

    return _look(bytes(encode_jpeg(np.zeros((16, 16, 3), np.uint8), quality=85)))[1]
