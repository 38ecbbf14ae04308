"""Tells each client what has changed about the streams since it was told last."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from framehop.web.answers import StreamChanges, StreamRow
from framehop.web.live import StreamSeen
from framehop.web.responses import encoded

Told = dict[str, object]  # fields of a StreamRow by name, of which the last event is short

LOOKS = 4  # that are remembered: who was told longer ago is told everything again
EVERY_S = 0.5
LONGEST_REASON = 200


class StreamNews:
    """The last few looks at the streams, made when somebody asks and shared by all who do. Thread-safe."""

    def __init__(self, look: Callable[[], tuple[int, dict[str, Told]]], *, every_s: float = EVERY_S) -> None:
        """`look`: returns the time, and what is to be told of each stream. `every_s`: at most so often."""
        self._look, self._every_s = look, every_s
        self._lock = threading.Lock()
        self._looks: OrderedDict[int, dict[str, Told]] = OrderedDict()
        self._shared: dict[int, bytes] = {}  # what all are told who were told at one look
        self._number = 0
        self._now_us = 0
        self._next_s = 0.0

    @property
    def is_old(self) -> bool:
        return time.monotonic() >= self._next_s

    def look_again(self) -> None:
        """Look at the streams. It may take long, so whoever wants the news has one caller do it for all."""
        now_us, found = self._look()
        with self._lock:
            self._now_us = now_us
            self._number += 1
            self._looks[self._number] = found
            if len(self._looks) > LOOKS:
                self._looks.popitem(last=False)
            self._shared.clear()
            self._next_s = time.monotonic() + self._every_s

    def since(self, number: int, streams: Collection[str] = ()) -> tuple[int, bytes]:
        """Return the number of the newest look, and StreamChanges since look `number` as JSON: everything if that is forgotten, as
        it is for 0. `streams`: only of these; empty for all."""
        with self._lock:
            if streams:
                return self._number, self._message(number, frozenset(streams))
            if number not in self._shared:
                self._shared[number] = self._message(number, None)
            return self._number, self._shared[number]

    def _message(self, number: int, streams: Collection[str] | None) -> bytes:
        before, now = (_only(self._looks.get(at, {}), streams) for at in (number, self._number))
        changes = StreamChanges(
            now_us=self._now_us,
            streams=[told for name, row in now.items() if (told := _changed(before.get(name), row))],
            whole=number not in self._looks,
            gone=[name for name in before if name not in now],
        )
        return encoded(changes)


def _only(looked: Mapping[str, Told], streams: Collection[str] | None) -> Mapping[str, Told]:
    return looked if streams is None else {name: looked[name] for name in streams if name in looked}


def _changed(before: Told | None, now: Told) -> Told:
    """Return the name of a stream and what is new of it; nothing if nothing is."""
    if before is None:
        return now
    new = {field: value for field, value in now.items() if before[field] != value}
    return {"stream": now["stream"], **new} if new else {}


def told_of(rows: Iterable[StreamRow], seen: Mapping[str, StreamSeen]) -> dict[str, Told]:
    """Return what is told of each stream: its row, with as much of its last event as says how the stream does."""
    return {row.stream: msgspec.structs.asdict(row) | {"last_event": _short(seen.get(row.stream))} for row in rows}


def _short(seen: StreamSeen | None) -> Told | None:
    if seen is None:
        return None
    event = seen.last.event
    return {
        "event_id": event.event_id,
        "outcome": event.outcome,
        "reason": event.reason[:LONGEST_REASON],
        "received_at": event.received_at,
    }
