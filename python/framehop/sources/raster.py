"""Read picture files: bytes within a bound, and the pixels of any format that can be decoded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from framehop._core import decode_jpeg
from framehop.errors import SourceError, is_out_of_memory
from framehop.sources.pillow_picture import decode_by_pillow, pillow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
OTHER_SUFFIXES = frozenset(
    f".{name}"
    for name in ("apng", "avif", "bmp", "gif", "j2k", "jp2", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp")
)
PICTURE_SUFFIXES = JPEG_SUFFIXES | OTHER_SUFFIXES
JPEG_MAGIC = b"\xff\xd8\xff"

# This is larger than any camera's JPEG; a frame of this size still passes the log and the worker's memory bound.
MAX_FILE_BYTES = 32 << 20
MAX_PIXELS = 67_108_864  # decode_jpeg's own cap
MAX_RAW_BYTES = MAX_PIXELS * 4 + (1 << 20)  # as many pixels with 32 bits each, and a header


def is_picture(path: Path) -> bool:
    """Return whether the file is a picture, by its suffix, or by its first bytes if the suffix tells nothing."""
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return True
    return read_bytes(path, len(JPEG_MAGIC), whole=False) == JPEG_MAGIC


def is_animation(path: Path) -> bool:
    """Return whether a GIF or PNG has several pictures, by its first kilobytes; FFmpeg plays both."""
    head = read_bytes(path, 4096, whole=False)
    if head.startswith(b"\x89PNG"):
        return b"acTL" in head.partition(b"IDAT")[0]
    return head.startswith((b"GIF87a", b"GIF89a")) and _has_second_picture(path)


def _has_second_picture(path: Path) -> bool:
    try:
        with pillow().open(path, formats=("GIF",)) as picture:
            picture.seek(1)
    except Exception as error:  # Pillow may raise anything; the decoder says what is wrong
        if is_out_of_memory(error):
            raise
        return False
    return True


def read_picture_bytes(path: Path) -> bytes:
    """Read a whole picture file, up to the limit of its kind. Raises SourceError."""
    return read_bytes(path, bytes_allowed(read_bytes(path, len(JPEG_MAGIC), whole=False)))


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES, *, whole: bool = True) -> bytes:
    """Read the file's bytes. A file over `limit` raises SourceError if `whole`, else it is cut there."""
    if not path.is_file():  # opening a named pipe would wait for its other end
        raise SourceError(f"cannot read {path}: no such file" if not path.exists() else f"{path} is not a regular file")
    try:
        with path.open("rb") as file:
            # No more than there is: reading reserves all that is asked for. One more, for a file that grows meanwhile.
            data = file.read(min(limit, os.fstat(file.fileno()).st_size) + whole)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > limit:
        raise SourceError(
            f"{path} is larger than {limit} bytes, the limit for one picture; make it smaller or leave it out"
        )
    return data


def decode_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a picture of any format: uint8 [H, W, 3], RGB, upright. The size is checked before anything large is allocated. Raises
    PictureError; MissingExtraError when only Pillow can read it."""
    return decode_first(data, max_pixels)[0]


def decode_first(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[NDArray[np.uint8], int]:
    """Decode like `decode_picture`, and return also how many more pictures `data` has (an animation, or pages)."""
    if data.startswith(JPEG_MAGIC):
        return decode_jpeg(data, max_pixels=max_pixels), 0
    return decode_by_pillow(data, max_pixels)


def bytes_allowed(head: bytes) -> int:
    """Return the size limit of a file that begins with `head`. A JPEG goes into the log unchanged; any other format, perhaps
    uncompressed, goes there as a JPEG."""
    return MAX_FILE_BYTES if head.startswith(JPEG_MAGIC) else MAX_RAW_BYTES
