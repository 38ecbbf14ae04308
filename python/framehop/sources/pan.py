"""A camera that pans over a still picture: real content with predictable motion."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_from
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from framehop._core import encode_jpeg
from framehop.errors import PictureError, SourceError
from framehop.protocols import Picture
from framehop.sources.identity import version_of
from framehop.sources.motion import to_and_fro
from framehop.sources.pillow_picture import pillow
from framehop.sources.query import SourceQuery
from framehop.sources.raster import MAX_PIXELS, decode_picture, read_picture_bytes

# The window takes these many steps from edge to edge. They share no factor, so that it visits the whole picture before its path
# repeats.
TURN_X = 41
TURN_Y = 27


class PanSource:
    """A window that moves to and fro over `picture`, in whole pixels of the frame.

    `size`: (width, height) of the frames; the picture is scaled once so that the largest window of this shape inside `window` times
    the picture fills them. Without `size` the window is `window` of the picture's width and height, unscaled. `count` None:
    endless.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("size", "rate", "count", "window", "quality")

    def __init__(
        self,
        picture: Path,
        *,
        stream: str,
        size: tuple[int, int] | None = None,
        rate: float = 10.0,
        count: int | None = None,
        window: float = 0.75,
        quality: int = 85,
    ) -> None:
        pixels = _load(picture)
        height, width = pixels.shape[:2]
        if size is None:
            self.size = (max(1, int(width * window)), max(1, int(height * window)))
            self.scale = 1.0
        else:
            self.size = size
            self.scale = max(size[0] / (width * window), size[1] / (height * window))
            pixels = _resized(pixels, self.scale, picture)
        self._pixels = pixels
        self._reach = (pixels.shape[1] - self.size[0], pixels.shape[0] - self.size[1])
        self._quality = quality
        self.stream = stream
        self.rate = rate
        self.count = count
        self.finite = count is not None
        shape = (
            f"size={self.size[0]}x{self.size[1]}&rate={rate:g}&count={count or 0}&window={window:g}&quality={quality}"
        )
        self.uri = f"pan:{picture.absolute()}?{shape}"
        self.version = version_of(picture)

    @classmethod
    def parse(cls, text: str, path: Path, query: str, *, stream: str, quality: int) -> PanSource:
        """Parse `pan:PATH?QUERY`; the text is kept for error messages."""
        options = SourceQuery(text, query, cls.OPTIONS)
        return cls(
            path,
            stream=stream,
            size=options.size("size"),
            rate=options.number("rate", 10.0, 0.001, 1000),
            count=options.whole("count", None, 0, 10**12) or None,
            window=options.number("window", 0.75, 0.1, 1.0),
            quality=options.whole("quality", quality, 1, 100) or quality,
        )

    def offset(self, seq: int) -> tuple[float, float]:
        """Return the window's corner in frame `seq`: (x, y) in pixels of the still picture.

        A point (px, py) of the picture is seen at ((px - x) * scale, (py - y) * scale) in the frame.
        """
        x, y = self._corner(seq)
        return x / self.scale, y / self.scale

    def _corner(self, seq: int) -> tuple[int, int]:
        return to_and_fro(seq, self._reach[0], TURN_X), to_and_fro(seq, self._reach[1], TURN_Y)

    def pixels(self, seq: int) -> NDArray[np.uint8]:
        """Return frame `seq` before it is encoded: uint8 [H, W, 3], RGB."""
        x, y = self._corner(seq)
        return np.ascontiguousarray(self._pixels[y : y + self.size[1], x : x + self.size[0]])

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        width, height = self.size
        for seq in count_from(start_seq) if self.count is None else range(start_seq, self.count):
            payload = encode_jpeg(self.pixels(seq), quality=self._quality)
            yield Picture(payload=payload, media_us=round(seq * 1_000_000 / self.rate), width=width, height=height)


def _load(picture: Path) -> NDArray[np.uint8]:
    try:
        return decode_picture(read_picture_bytes(picture))
    except PictureError as error:
        raise SourceError(f"cannot pan over {picture}: {error}; give a JPEG or PNG that can be decoded") from error


def _resized(pixels: NDArray[np.uint8], scale: float, picture: Path) -> NDArray[np.uint8]:
    """Scale with Pillow's fixed-point filter, which gives the same bytes on every machine."""
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    if width * height > MAX_PIXELS:
        raise SourceError(
            f"panning over {picture} at this size needs it scaled to {width}x{height}, more than {MAX_PIXELS} pixels; "
            "ask for a smaller size or a larger window"
        )
    image = pillow()
    return np.asarray(image.fromarray(pixels).resize((width, height), image.Resampling.BILINEAR))
