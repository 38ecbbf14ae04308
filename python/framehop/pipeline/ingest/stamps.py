"""When each picture was captured and received, so that no frame is captured after it was received."""

from __future__ import annotations

from framehop.pipeline.ingest.pacing import Clock, Rate
from framehop.protocols import Picture, Source


class Stamps:
    """A live source's picture is captured when it comes. A file's has its place on the file's timeline, however late it is read or
    sent again, and the timeline lies where it fits: at the file's own pace it begins with the pass; at any other pace, which may
    read an hour in a minute, it ends with the pass's beginning. Use from one thread."""

    def __init__(self, source: Source, rate: Rate, clock: Clock) -> None:
        self._source = source
        self._paced = rate == "realtime"
        self._clock = clock
        self._begin_us = 0

    def start_pass(self, epoch: int, behind_us: int) -> None:
        """`behind_us`: how late the first picture is, after passes that were held up."""
        self._begin_us = epoch - (behind_us if self._paced else self._length_us())

    def of(self, picture: Picture) -> tuple[int, int]:
        """(captured_us, received_us). A picture of a file that is longer than it said is captured when it comes, at the latest."""
        now_us = self._clock.now_us()
        if not self._source.finite:
            return now_us, now_us
        return min(now_us, self._begin_us + picture.media_us), now_us

    def _length_us(self) -> int:
        return round((self._source.count or 0) / self._source.rate * 1_000_000)
