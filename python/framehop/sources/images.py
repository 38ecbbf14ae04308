"""Picture files: one file is one frame, a folder is a sequence in the order of its names."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from framehop._core import encode_jpeg, read_jpeg_header
from framehop.errors import PictureError, SourceError, is_out_of_memory
from framehop.protocols import Picture
from framehop.sources.raster import JPEG_MAGIC, JPEG_SUFFIXES, PICTURE_SUFFIXES, decode_picture, pillow, read_bytes

logger = logging.getLogger(__name__)


class ImageSource:
    """Picture files in a fixed order.

    JPEG goes through byte for byte, even when it is broken: what becomes of a bad picture is the worker's to say, in an
    event. Other formats are encoded to JPEG; a file of theirs that cannot be read goes through as it is.
    """

    finite = True

    def __init__(self, path: Path, files: list[Path], *, stream: str, rate: float, quality: int) -> None:
        self._files = files
        self._quality = quality
        self.uri = path.absolute().as_uri()
        self.stream = stream
        self.rate = rate
        self.count = len(files)
        if any(file.suffix.lower() not in JPEG_SUFFIXES for file in files):
            self.uri += f"?quality={quality}"

    @classmethod
    def file(cls, path: Path, *, stream: str, quality: int = 85) -> ImageSource:
        read_bytes(path)  # an unreadable or oversized file is refused now, before anything has started
        return cls._checked(path, [path], stream, 1.0, quality)

    @classmethod
    def folder(cls, path: Path, *, stream: str, rate: float = 10.0, quality: int = 85) -> ImageSource:
        """`rate`: pictures per second. Only files with a picture's suffix count."""
        try:
            names = [entry for entry in path.iterdir() if entry.suffix.lower() in PICTURE_SUFFIXES and entry.is_file()]
        except OSError as error:
            raise SourceError(f"cannot read the folder {path}: {error.strerror}") from error
        if not names:
            raise SourceError(
                f"no pictures in {path}: put files in it that end in {' '.join(sorted(PICTURE_SUFFIXES))}"
            )
        return cls._checked(path, sorted(names), stream, rate, quality)

    @classmethod
    def _checked(cls, path: Path, files: list[Path], stream: str, rate: float, quality: int) -> ImageSource:
        if not all(file.suffix.lower() in JPEG_SUFFIXES or _is_jpeg(file) for file in files):
            pillow()
        return cls(path, files, stream=stream, rate=rate, quality=quality)

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        for seq in range(start_seq, len(self._files)):
            yield self._picture(self._files[seq], round(seq * 1_000_000 / self.rate))

    def _picture(self, path: Path, media_us: int) -> Picture:
        data = read_bytes(path)
        if path.suffix.lower() in JPEG_SUFFIXES or data.startswith(JPEG_MAGIC):
            width, height = _header_size(data)
            return Picture(payload=data, media_us=media_us, width=width, height=height)
        try:
            pixels = decode_picture(data)
        except PictureError as error:
            if is_out_of_memory(error):
                raise
            logger.warning("%s cannot be decoded (%s); it goes into the log as it is", path, error)
            return Picture(payload=data, media_us=media_us, content_type="application/octet-stream")
        height, width = pixels.shape[:2]
        return Picture(
            payload=encode_jpeg(pixels, quality=self._quality), media_us=media_us, width=width, height=height
        )


def _is_jpeg(path: Path) -> bool:
    return read_bytes(path, len(JPEG_MAGIC), whole=False) == JPEG_MAGIC


def _header_size(data: bytes) -> tuple[int, int]:
    """(0, 0) for a header that cannot be read: unknown here is no error."""
    try:
        header = read_jpeg_header(data)
    except PictureError:
        return 0, 0
    return header.width, header.height
