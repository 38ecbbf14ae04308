"""The times at which each picture was captured and received, chosen so that no frame is captured after it was received."""

from __future__ import annotations

from framehop.pipeline.ingest.pacing import Clock, Rate
from framehop.protocols import Picture, Source, Timed

MAX_LENGTH_US = (
    10 * 366 * 86_400_000_000
)  # a file may claim to last for thousands of years, before which there is no date


class Stamps:
    """Gives each picture its times. A live source's picture is captured when it comes, or when the source says. A file's picture
    has its place on the file's timeline, however late it is read or sent again. At the file's own pace that timeline begins with
    the pass; at any other pace, which may read an hour in a minute, it ends where the pass begins. Use from one thread.

    Times of pictures that are not sent in the order of the screen also tell that order, on which decoding depends. They are kept
    whatever happens, even if a film is longer than it claims."""

    def __init__(self, source: Source, rate: Rate, clock: Clock) -> None:
        self._source = source
        self._paced = rate == "realtime"
        self._clock = clock
        self._begin_us = 0

    def start_pass(self, epoch: int, behind_us: int) -> None:
        """Begin a pass. `behind_us`: how late its first picture is because earlier passes were held up."""
        self._begin_us = epoch - (behind_us if self._paced else self._length_us())

    def of(self, picture: Picture) -> tuple[int, int]:
        """Return (captured_us, received_us). A file may be longer than it claimed: a picture is not captured later than now."""
        now_us = self._clock.now_us()
        if picture.captured_us is not None:
            return picture.captured_us, now_us if picture.received_us is None else picture.received_us
        if not self._source.finite:
            return now_us, now_us
        captured_us = self._begin_us + picture.media_us
        return (captured_us if picture.due_us is not None else min(now_us, captured_us)), now_us

    def _length_us(self) -> int:
        if isinstance(self._source, Timed):
            claimed_us = self._source.length_us
        else:
            claimed_us = round((self._source.count or 0) / self._source.rate * 1_000_000)
        return min(claimed_us, MAX_LENGTH_US)
