"""Reading picture files: bytes within a bound, and pixels of any format that can be had."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framehop._core import decode_jpeg
from framehop.errors import MissingExtraError, PictureError, SourceError
from framehop.installing import install

if TYPE_CHECKING:
    from types import ModuleType

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
OTHER_SUFFIXES = frozenset({".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
PICTURE_SUFFIXES = JPEG_SUFFIXES | OTHER_SUFFIXES
JPEG_MAGIC = b"\xff\xd8\xff"

# Larger than any camera's JPEG; a frame of this size still passes through the log and the worker's memory bound.
MAX_FILE_BYTES = 32 << 20
MAX_PIXELS = 67_108_864  # decode_jpeg's own cap


def is_picture(path: Path) -> bool:
    """By suffix, or by the first bytes of a file whose suffix says nothing."""
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return True
    return read_bytes(path, len(JPEG_MAGIC), whole=False) == JPEG_MAGIC


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES, *, whole: bool = True) -> bytes:
    """The file's bytes; a file over `limit` is a SourceError when wanted `whole`, else cut there."""
    if not path.is_file():  # opening a named pipe would wait for its other end
        raise SourceError(f"cannot read {path}: no such file" if not path.exists() else f"{path} is not a regular file")
    try:
        with path.open("rb") as file:
            data = file.read(limit + whole)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > limit:
        raise SourceError(
            f"{path} is larger than {limit} bytes, the limit for one picture; make it smaller or leave it out"
        )
    return data


def pillow() -> ModuleType:
    """Pillow's Image module. Raises MissingExtraError."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError(f"this picture format needs Pillow: {install('video')}") from error
    return Image


def decode_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Pixels of a picture in any format: uint8 [H, W, 3], RGB. The size is checked before anything large is allocated.

    Raises PictureError; MissingExtraError when only Pillow can read it.
    """
    if data.startswith(JPEG_MAGIC):
        return decode_jpeg(data, max_pixels=max_pixels)
    image = pillow()
    try:
        with image.open(io.BytesIO(data), formats=("PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM")) as picture:
            if picture.width * picture.height > max_pixels:
                raise PictureError(f"{picture.width}x{picture.height} is more than {max_pixels} pixels")
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(str(error)) from error
