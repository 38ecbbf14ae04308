"""Takes pictures from the rings of the pipelines on this host while somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable

from framehop._core import encode_jpeg
from framehop.pipeline.tap import LiveFrame
from framehop.pipeline.tap_thread import TapThread
from framehop.web.stills import QUALITY, Shown
from framehop.web.tapped import Found, Tapped


class PictureTap:
    """A tap for all who look at the page. Each picture is encoded once, as large as it is in the ring. Thread-safe."""

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
        event = frame.event
        if self._tapped.wants(event.stream, frame.lease.ref.width):
            jpeg = encode_jpeg(frame.pixels, quality=QUALITY)
            self._tapped.put(event.stream, event.event_id, Shown(jpeg=jpeg, width=event.width, height=event.height))
            self._on_picture(event.stream)

    def close(self) -> None:
        """Have the thread end. Closing twice is harmless."""
        self._tapped.close()
        self.thread.wake_up()
