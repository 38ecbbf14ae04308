"""The pictures that a tap has taken, each until the log has its event; and which streams somebody wants pictures of.

A tap hears what was found in a picture before the log does, without track ids and before it is durable. So boxes are those of the
log's event, and the tap gives the picture alone.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from framehop.pipeline.taps.live_tap import IDLE_S, SMALL_S
from framehop.types import EventRecord
from framehop.web.stills import EIGHTHS, ShownPicture, eighths_for

FRESH_S = 2.0  # a picture that is older is no news: the log is asked
WAITING = 8  # pictures of a stream that wait for their events
RECENT = 512  # events that wait for their pictures: the log may be quicker than the encoder
ENOUGH = 0.75  # of the width that is asked for: the screen does the rest


class Found(NamedTuple):
    """A picture with its event."""

    record: EventRecord
    shown: ShownPicture


@dataclass(slots=True)
class _Watched:
    """A stream that somebody looks at. `asked`: in how many eighths of the source its next picture is waited for. `slot_width`: of
    its pictures in the ring as they were at `slot_s`, 0 if that is not known. `waiting`: by the id of the event, with their
    eighths. `newest_s`: when the newest was complete."""

    asked_s: float
    asked: set[int] = field(default_factory=set)
    slot_width: int = 0
    slot_s: float = 0.0
    waiting: OrderedDict[str, tuple[ShownPicture, int]] = field(default_factory=OrderedDict)
    newest: Found | None = None
    newest_eighths: int = 0
    newest_s: float = 0.0

    def has(self, eighths: int) -> bool:
        """Whether the newest picture is of now, and large enough."""
        return self.newest_eighths >= eighths and time.monotonic() - self.newest_s < FRESH_S

    def complete(self, record: EventRecord, shown: ShownPicture, eighths: int) -> None:
        self.newest, self.newest_eighths, self.newest_s = Found(record, shown), eighths, time.monotonic()


class Tapped:
    """The pictures that are wanted of the tap, and those that it has given. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._streams: dict[str, _Watched] = {}
        self._recent: OrderedDict[str, EventRecord] = OrderedDict()
        self._closed = False

    # ---- whoever looks

    def newest(self, stream: str, width: int, source_width: int) -> Found | None:
        """Ask for pictures of a stream, and return the newest if it is of now. None too where the ring's pictures are too small for
        `width` (0: as wide as the source)."""
        with self._changed:
            watched = self._streams.get(stream)
            if watched is None:
                watched = self._streams[stream] = _Watched(time.monotonic())
            watched.asked_s = time.monotonic()
            eighths = eighths_for(width, source_width)
            known = watched.slot_width and time.monotonic() - watched.slot_s < SMALL_S
            if known and not _suffices(watched.slot_width, eighths, source_width):
                return None
            watched.asked.add(eighths)
            self._changed.notify_all()
            return watched.newest if watched.has(eighths) else None

    def note(self, records: Sequence[EventRecord]) -> None:
        """Take what the log has got, in its order."""
        with self._changed:
            for record in records if self._streams else ():
                if (watched := self._streams.get(record.event.stream)) is not None:
                    self._note(record, watched)

    def _note(self, record: EventRecord, watched: _Watched) -> None:
        if (waiting := watched.waiting.pop(record.event.event_id, None)) is not None:
            watched.complete(record, *waiting)
            return
        self._recent[record.event.event_id] = record
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    # ---- the tap

    def wait_for_wish(self) -> bool:
        """Wait until somebody wants pictures; False when this is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._streams)
            return not self._closed

    def rest(self, timeout_s: float) -> None:
        """Wait, unless this is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, timeout_s)

    def streams(self) -> Collection[str]:
        """Return the streams that somebody looks at, and forget the others; none when this is closed."""
        oldest_s = time.monotonic() - IDLE_S
        with self._changed:
            for stream in [name for name, watched in self._streams.items() if watched.asked_s < oldest_s]:
                del self._streams[stream]
            if not self._streams:
                self._recent.clear()
            return () if self._closed else tuple(self._streams)

    def due(self) -> Collection[str]:
        """Return the streams of which somebody waits for the next picture."""
        with self._changed:
            return [stream for stream, watched in self._streams.items() if watched.asked]

    def wanted(self, stream: str, slot_width: int, source_width: int) -> int:
        """Note how wide pictures of a stream are in the ring. Return in how many eighths of the source the one that has come is
        wanted, the most that anybody waits for and the ring has; 0 if it is not."""
        with self._changed:
            watched = self._streams.get(stream)
            if watched is None:
                return 0
            asked, watched.asked = watched.asked, set()
            watched.slot_width, watched.slot_s = slot_width, time.monotonic()
            return max((eighths for eighths in asked if _suffices(slot_width, eighths, source_width)), default=0)

    def put(self, stream: str, event_id: str, shown: ShownPicture, eighths: int) -> None:
        """Take a picture of the tap, of which `wanted` has told the eighths."""
        with self._changed:
            watched = self._streams.get(stream)
            if watched is None:
                return
            if (record := self._recent.pop(event_id, None)) is not None:
                watched.complete(record, shown, eighths)
                return
            watched.waiting[event_id] = shown, eighths
            if len(watched.waiting) > WAITING:
                watched.waiting.popitem(last=False)

    def close(self) -> None:
        """Have the tap end. Closing twice is harmless."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _suffices(slot_width: int, eighths: int, source_width: int) -> bool:
    return slot_width * EIGHTHS >= ENOUGH * eighths * source_width
