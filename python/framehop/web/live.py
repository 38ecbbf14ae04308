"""Keeps what is known of each stream from its events alone, in memory and of bounded size."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from framehop.timing import now_us
from framehop.types import EventRecord
from framehop.web.figures import LastMinute
from framehop.web.totals import Totals

MAX_STREAMS = 4096  # beyond it the one that was silent for longest is forgotten
PACE_S = 10
WEIGHT = 0.1  # of the newest interval in the usual one
FAILED_IN_A_ROW = 3
RECENT_US = 60_000_000
CLOCK_OFF_US = 5_000_000  # between the log's clock and ours: more is no delay
STEADY_US = 2_000_000  # a picture with boxes is shown rather than a newer skipped one, for so long


@dataclass(slots=True, kw_only=True)
class StreamLife:
    """One stream. `last`: its newest event; `boxed`: the newest that was detected; `pictured`: the newest that did not fail.
    `last_us`: when the log took the newest, by our clock. `interval_us`: what usually lies between two, 0 if there was only one.
    `failing`: so many failed in a row. `events`, `failed`, `skipped`: since the page began to look. `per_second`: (second, count),
    oldest first."""

    last: EventRecord
    boxed: EventRecord | None = None
    pictured: EventRecord | None = None
    last_us: int
    interval_us: float = 0.0
    failing: int = 0
    events: int = 0
    failed: int = 0
    skipped: int = 0
    per_second: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=PACE_S + 1))

    def note(self, record: EventRecord, taken_us: int) -> None:
        """Take the next event. `taken_us`: when the log took it, by our clock."""
        event = record.event
        self._note_interval(taken_us)
        self.last, self.last_us = record, max(self.last_us, taken_us)
        if event.outcome == "detected":
            self.boxed = record
        if event.outcome != "failed":
            self.pictured = record
        self.failing = self.failing + 1 if event.outcome == "failed" else 0
        self.events += 1
        self.failed += event.outcome == "failed"
        self.skipped += event.outcome == "skipped"

    def _note_interval(self, taken_us: int) -> None:
        step_us = max(0, taken_us - self.last_us)
        if self.events:
            self.interval_us += (step_us - self.interval_us) * (WEIGHT if self.interval_us else 1.0)
        second = taken_us // 1_000_000
        if self.per_second and self.per_second[-1][0] >= second:
            self.per_second[-1] = (self.per_second[-1][0], self.per_second[-1][1] + 1)
        else:
            self.per_second.append((second, 1))

    def per_s(self, now: int) -> float:
        """Return events per second over the last ten whole seconds, or since the first event if that is less."""
        second = now // 1_000_000
        seen = [(at, count) for at, count in self.per_second if second - PACE_S <= at < second]
        if not seen:
            return 0.0
        oldest = self.per_second[0][0]
        return sum(count for _, count in seen) / min(PACE_S, max(1, second - oldest))

    @property
    def shown(self) -> EventRecord | None:
        """The event whose picture is shown: the newest that has one, but a skipped one only if no detected one is about as new."""
        if self.boxed is not None and self.last.appended_us - self.boxed.appended_us <= STEADY_US:
            return self.boxed
        return self.pictured


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSeen:
    """A stream's life at one moment; see StreamLife."""

    last: EventRecord
    last_us: int
    interval_us: float
    failing: int
    events: int
    failed: int
    skipped: int
    per_s: float


class LiveState:
    """The streams' lives, the figures of the last minute and the totals since the start. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: OrderedDict[str, StreamLife] = OrderedDict()
        self.figures = LastMinute()
        self.totals = Totals()

    def note(self, records: Sequence[EventRecord], *, arriving: bool = False) -> list[EventRecord]:
        """Take events in the order of the log. `arriving`: they have come since the log was read to its end. Returns those
        that are new and not read again from an old log."""
        now = now_us()
        taken = [_taken_us(record, now, arriving=arriving) for record in records]
        with self._lock:
            for record, taken_us in zip(records, taken, strict=True):
                self._note(record, taken_us, now)
        return [record for record, taken_us in zip(records, taken, strict=True) if taken_us > now - RECENT_US]

    def _note(self, record: EventRecord, taken_us: int, now: int) -> None:
        event = record.event
        life = self._streams.get(event.stream)
        if life is None:
            life = self._streams[event.stream] = StreamLife(last=record, last_us=taken_us)
        life.note(record, taken_us)
        self._streams.move_to_end(event.stream)
        if len(self._streams) > MAX_STREAMS:
            self._streams.popitem(last=False)
        self.figures.note(event, taken_us, now)
        if taken_us > now - RECENT_US:
            self.totals.note(event)

    def streams(self) -> dict[str, StreamSeen]:
        now = now_us()
        with self._lock:
            return {name: _seen(life, now) for name, life in self._streams.items()}

    def shown(self, stream: str) -> EventRecord | None:
        """Return the event whose picture is that of the stream now; None if there is none."""
        with self._lock:
            life = self._streams.get(stream)
            return None if life is None else life.shown

    def forget(self) -> None:
        """Forget everything: another log is in its place."""
        with self._lock:
            self._streams.clear()
            self.figures = LastMinute()

    @property
    def lock(self) -> threading.Lock:
        """Held by whoever reads `figures` or `totals`."""
        return self._lock


def _taken_us(record: EventRecord, now: int, *, arriving: bool) -> int:
    """Return when the log took an event, by our clock. What arrives was taken just now, however wrong the broker's clock is, and
    nothing in the log was taken in our future."""
    ahead_us = record.appended_us - now
    return now if ahead_us > CLOCK_OFF_US or (arriving and -ahead_us > CLOCK_OFF_US) else record.appended_us


def _seen(life: StreamLife, now: int) -> StreamSeen:
    return StreamSeen(
        last=life.last,
        last_us=life.last_us,
        interval_us=life.interval_us,
        failing=life.failing,
        events=life.events,
        failed=life.failed,
        skipped=life.skipped,
        per_s=round(life.per_s(now), 2),
    )
