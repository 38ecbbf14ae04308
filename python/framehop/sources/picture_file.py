"""Turn one picture file into a picture for the log. Whatever is wrong with a file concerns that file alone."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

from framehop._core import encode_jpeg
from framehop.errors import MissingExtraError, PictureError, SourceError, is_out_of_memory, text_of
from framehop.protocols import NO_PICTURE, Picture
from framehop.sources.folder import File
from framehop.sources.identity import origin_of, shown
from framehop.sources.jpegs import size_of
from framehop.sources.left_out import Tally
from framehop.sources.raster import JPEG_MAGIC, MAX_FILE_BYTES, bytes_allowed, decode_first


def picture_of(file: File, media_us: int, *, quality: int, tally: Tally) -> Picture:
    """Return a JPEG byte for byte and any other format encoded to one with `quality`, whatever the file's name. If that fails, the
    picture has `error` and the available bytes. Of several pictures in one file the first is taken; `tally` counts the others.

    Raises SourceError when no file can be opened any more, MemoryError.
    """
    try:
        data, origin = _read(file.path)
    except PictureFileError as error:
        return Picture(payload=b"", media_us=media_us, content_type=NO_PICTURE, error=str(error), origin=file.origin)
    return replace(_encoded(file.path, data, quality, tally), media_us=media_us, origin=origin)


def _encoded(path: Path, data: bytes, quality: int, tally: Tally) -> Picture:
    if data.startswith(JPEG_MAGIC):
        width, height = size_of(data)
        return Picture(payload=data, media_us=0, width=width, height=height)
    try:
        pixels, further = decode_first(data)
        height, width = pixels.shape[:2]
        payload = encode_jpeg(pixels, quality=quality)
    except Exception as error:  # a decoder may raise anything for a hostile file
        if is_out_of_memory(error):
            raise
        kept = data if len(data) <= MAX_FILE_BYTES else b""
        return Picture(payload=kept, media_us=0, content_type=NO_PICTURE, error=_reason(path, error))
    if further:
        tally.add("a further picture in one file, of which the first is taken", shown(path.name), further)
    return Picture(payload=payload, media_us=0, width=width, height=height)


class PictureFileError(Exception):
    """A file's bytes cannot be read; the message is the reason of its `failed` event."""


def _read(path: Path) -> tuple[bytes, str]:
    """Return the file's bytes and its origin. Raises PictureFileError."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise PictureFileError(f"unreadable_picture: {shown(path.name)} is not a regular file")
            data = file.read(len(JPEG_MAGIC))
            limit = bytes_allowed(data)
            data += file.read(limit + 1 - len(data))
    except OSError as error:
        if is_out_of_memory(error):
            raise
        raise PictureFileError(f"unreadable_picture: {shown(path.name)}: {_what(error)}") from error
    if len(data) > limit:
        raise PictureFileError(
            f"picture_too_large: {shown(path.name)} has {found.st_size} bytes, and {limit} are the limit for one of its kind"
        )
    return data, origin_of(path.name, found)


def _without_waiting(path: str, flags: int) -> int:
    """Open without blocking, since a named pipe would wait for its other end."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _what(error: OSError) -> str:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        raise SourceError(f"no file can be opened any more ({error.strerror}): raise the limit (ulimit -n)") from error
    if error.errno == errno.ENOENT:
        return "it has gone since it was found"
    return error.strerror or str(error)


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, MissingExtraError):
        return f"unsupported_picture: {shown(path.name)}: {error}"
    code = (error.code if isinstance(error, PictureError) else "") or "corrupt_picture"
    return f"{code}: {shown(path.name)}: {text_of(error)}"
