"""A test card: moving shapes on a gradient, cheap to draw, and every picture different from every other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_from
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from framehop._core import encode_jpeg
from framehop.protocols import Picture
from framehop.sources.motion import to_and_fro
from framehop.sources.query import SourceQuery

# Each shape is (colour, steps from edge to edge across, steps down). The speeds differ, so that the shapes pass one another.
_SHAPES = (((220, 40, 40), 50, 31), ((40, 200, 60), 37, 71), ((50, 90, 230), 83, 43))
_COUNTER_BITS = 32


class ShapesSource:
    """Rectangles that move over a gradient. The seq is drawn along the top edge as 32 black or white fields, highest bit first.
    `count` None: endless."""

    OPTIONS: ClassVar[tuple[str, ...]] = ("size", "rate", "count", "quality")

    def __init__(
        self,
        *,
        stream: str = "testsrc",
        size: tuple[int, int] = (640, 360),
        rate: float = 25.0,
        count: int | None = None,
        quality: int = 85,
    ) -> None:
        self.size = size
        self.stream = stream
        self.rate = rate
        self.count = count
        self.finite = count is not None
        self._quality = quality
        self._background = _gradient(size)
        self.uri = f"testsrc:?size={size[0]}x{size[1]}&rate={rate:g}&count={count or 0}&quality={quality}"

    @classmethod
    def parse(cls, text: str, query: str, *, stream: str, quality: int) -> ShapesSource:
        options = SourceQuery(text, query, cls.OPTIONS)
        return cls(
            stream=stream,
            size=options.size("size") or (640, 360),
            rate=options.number("rate", 25.0, 0.001, 1000),
            count=options.whole("count", None, 0, 10**12) or None,
            quality=options.whole("quality", quality, 1, 100) or quality,
        )

    def pixels(self, seq: int) -> NDArray[np.uint8]:
        """Return picture `seq` before it is encoded: uint8 [H, W, 3], RGB."""
        canvas = self._background.copy()
        width, height = self.size
        for colour, across, down in _SHAPES:
            x = to_and_fro(seq, width - width // 6, across)
            y = to_and_fro(seq, height - height // 5, down)
            canvas[y : y + height // 5, x : x + width // 6] = colour
        field = max(1, width // _COUNTER_BITS)
        bits = np.array([seq >> shift & 1 for shift in reversed(range(_COUNTER_BITS))], np.uint8) * 255
        strip = np.repeat(bits, field)[:width]
        canvas[: max(1, height // 30), : strip.size] = strip[:, None]
        return canvas

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        width, height = self.size
        for seq in count_from(start_seq) if self.count is None else range(start_seq, self.count):
            payload = encode_jpeg(self.pixels(seq), quality=self._quality)
            yield Picture(payload=payload, media_us=round(seq * 1_000_000 / self.rate), width=width, height=height)


def _gradient(size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    canvas = np.full((height, width, 3), 90, np.uint8)
    canvas[..., 0] = np.linspace(60, 160, width, dtype=np.uint8)
    canvas[..., 2] = np.linspace(60, 160, height, dtype=np.uint8)[:, None]
    return canvas
