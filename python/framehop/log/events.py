"""Reading the events of the embedded log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from framehop.errors import ClosedError
from framehop.log.context import LogContext
from framehop.log.event_codec import decode_event
from framehop.log.index import connect, rows, translated, value
from framehop.log.waiting import wait_for_change
from framehop.protocols import Start
from framehop.timing import Deadline
from framehop.types import EventRecord

_CHUNK = 256


class EmbeddedEventReader:
    """The log's EventReader. Events that retention takes before they were read are skipped. Use from one thread."""

    def __init__(self, context: LogContext, start: Start) -> None:
        self._context = context
        self._closed = False
        self._db = connect(context.paths.index)
        self._next = self._end() if start == "latest" else 0

    def poll(self, max_events: int, timeout_s: float) -> list[EventRecord]:
        """The next events, at most `max_events`; waits up to `timeout_s` for the first."""
        deadline = Deadline.after(timeout_s)
        while True:
            self._check_open()
            sampled = self._context.bell.sample()
            found = self._read(max_events)
            if found or deadline.expired:
                return found
            wait_for_change(self._context.bell, sampled, deadline)

    def __iter__(self) -> Iterator[EventRecord]:
        end = self._end()
        while self._next < end:
            found = self._read(min(_CHUNK, end - self._next))
            if not found:
                return
            yield from found

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._db.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this reader of events is closed")

    def _end(self) -> int:
        """Behind the newest event: offsets start at 1 and have no meaning but their order."""
        self._check_open()
        with translated(self._context.paths.index):
            return 1 + int(value(self._db, 'SELECT coalesce(max("offset"), 0) FROM events'))

    def _read(self, limit: int) -> list[EventRecord]:
        with translated(self._context.paths.index):
            found = rows(
                self._db,
                'SELECT "offset", appended_us, json FROM events WHERE "offset">=? ORDER BY "offset" LIMIT ?',
                (self._next, limit),
            )
        if found:
            self._next = found[-1][0] + 1
        return [
            EventRecord(event=decode_event(raw, offset), raw=raw, offset=offset, appended_us=appended)
            for offset, appended, raw in found
        ]
