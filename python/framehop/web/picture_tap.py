"""Takes pictures from the rings of the pipelines on this host while somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from framehop._core import encode_jpeg
from framehop.pipeline.taps.tap import LiveFrame
from framehop.pipeline.taps.tap_thread import TapThread
from framehop.web.stills import EIGHTHS, QUALITY, ShownPicture
from framehop.web.tapped import ENOUGH, Found, Tapped


class PictureTap:
    """A tap for all who look at the page. Each picture is encoded once, for the one who wants it largest. Thread-safe."""

    def __init__(self, tapped: Tapped, rings: Callable[[], list[str]], on_picture: Callable[[str], None]) -> None:
        """`rings`: returns the sockets of the rings that there are now. `on_picture`: is told of the stream that has one more,
        whose event may not have come yet. Both are called in the tap's thread."""
        self._tapped, self._on_picture = tapped, on_picture
        self.thread = TapThread("framehop-ui-tap", tapped, rings, self._keep)

    def newest(self, stream: str, width: int, source_width: int) -> Found | None:
        """Return the newest picture of a stream, and have the next one taken; see Tapped."""
        found = self._tapped.newest(stream, width, source_width)
        self.thread.wake_up()
        return found

    def _keep(self, frame: LiveFrame) -> None:
        event, slot_width = frame.event, frame.lease.ref.width
        if eighths := self._tapped.wanted(event.stream, slot_width, event.width):
            step = step_for(slot_width, event.width * eighths / EIGHTHS)
            jpeg = encode_jpeg(reduced(frame.pixels, step), quality=QUALITY)
            shown = ShownPicture(jpeg=jpeg, width=event.width, height=event.height)
            self._tapped.put(event.stream, event.event_id, shown, eighths)
            self._on_picture(event.stream)

    def close(self) -> None:
        """Have the thread end. Closing twice is harmless."""
        self._tapped.close()
        self.thread.wake_up()


def step_for(slot_width: int, width: float) -> int:
    """Return by how much a picture is reduced in each direction, 1, 2, 4 or 8, to be still about `width` wide."""
    return next((step for step in (8, 4, 2) if slot_width >= ENOUGH * width * step), 1)


def reduced(pixels: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Return every so many pixels in each direction, each the mean of four that are half a step apart."""
    if step == 1:
        return pixels
    height, width = (side // step * step for side in pixels.shape[:2])
    if not (height and width):
        return pixels
    half, total = step // 2, np.full((height // step, width // step, 3), 2, np.uint16)
    for down in (0, half):
        for across in (0, half):
            total += pixels[down:height:step, across:width:step]
    return (total >> 2).astype(np.uint8)
