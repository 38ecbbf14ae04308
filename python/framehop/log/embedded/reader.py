"""Read the events of the embedded log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Self

from framehop.errors import ClosedError, LogBusyError, LogFullError
from framehop.log.embedded.context import LogContext
from framehop.log.embedded.event_scan import record_of
from framehop.log.embedded.waiting import wait_for_change
from framehop.log.event_codec import level_of
from framehop.log.sqlite import connect, row, rows, transaction, translated, value
from framehop.protocols import SINCE_MARGIN_US, Start
from framehop.timing import Deadline
from framehop.types import EventRecord

logger = logging.getLogger(__name__)

_CHUNK = 256
_TIME = 'SELECT "offset", appended_us FROM events WHERE "offset">=? ORDER BY "offset" LIMIT 1'


class EmbeddedEventReader:
    """The log's EventReader. Events that retention removes before they are read are skipped. Use from one thread."""

    def __init__(self, context: LogContext, start: Start, since_us: int | None = None, group: str = "") -> None:
        self._context = context
        self._group = group
        self._closed = False
        self.passed_over = 0
        self._db = connect(context.paths.index)
        self._stored = self._position() if group else None
        # `_next` is the offset after the last event handed out, `_done` the offset after the last one that the caller has finished.
        self._next = self._done = self._begin(start, since_us) if self._stored is None else self._stored

    def poll(self, max_events: int, timeout_s: float) -> list[EventRecord]:
        """Return the next events, at most `max_events`, waiting up to `timeout_s` for the first. With 0 it reads on
        to the present end of the log, however many there are that cannot be read."""
        deadline = Deadline.after(timeout_s)
        self._check_open()
        self._settle()
        while True:
            self._check_open()
            sampled = self._context.bell.sample()
            if found := self._read(max_events):
                records = list(self._records(found))
                if records or (timeout_s > 0 and deadline.expired):
                    return records
            elif deadline.expired:
                return []
            else:
                self._context.presence.check()
                wait_for_change(self._context.bell, sampled, deadline)

    def __iter__(self) -> Iterator[EventRecord]:
        end = self._end()
        self._settle()
        while self._next < end:
            found = self._read(min(_CHUNK, end - self._next))
            if not found:
                return
            for record in self._records(found):
                yield record
                self._done = self._next
            self._settle()

    def close(self) -> None:
        if not (self._closed or self._context.home.left):
            self._closed = True
            try:
                self._settle()
            finally:
                self._db.close()

    def abandon(self) -> None:
        """Close, so that the next reader of the group gets the events handed out last again."""
        self._next = self._done
        self.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is not None:
            self.abandon()
        self.close()

    def _check_open(self) -> None:
        self._context.home.check("this reader of events is")
        if self._closed:
            raise ClosedError("this reader of events is closed")

    def _end(self) -> int:
        """Return the offset after the newest event. Offsets start at 1 and mean nothing but their order."""
        self._check_open()
        with translated(self._context.paths.index):
            return 1 + int(value(self._db, 'SELECT coalesce(max("offset"), 0) FROM events'))

    def _read(self, limit: int) -> list[tuple[Any, ...]]:
        with translated(self._context.paths.index):
            return rows(
                self._db,
                'SELECT "offset", appended_us, json FROM events WHERE "offset">=? ORDER BY "offset" LIMIT ?',
                (self._next, limit),
            )

    def _records(self, found: list[tuple[Any, ...]]) -> Iterator[EventRecord]:
        """Yield the events of these rows, and move on behind each. One that cannot be read must not hide those that come after."""
        for each in found:
            self._next = each[0] + 1
            record = record_of(each, level_of(self.passed_over))
            if record is None:
                self.passed_over += 1
            else:
                yield record

    # ---- the start

    def _begin(self, start: Start, since_us: int | None) -> int:
        if since_us is not None:
            return self._find(since_us - SINCE_MARGIN_US)
        return self._end() if start == "latest" else 0

    def _find(self, appended_us: int) -> int:
        """Return the first offset whose event was appended at `appended_us` or later, by bisection. Times rise with offsets except
        where a clock was set back, which the margin covers."""
        low, high = 0, self._end()
        while low < high:
            middle = (low + high) // 2
            with translated(self._context.paths.index):
                found = row(self._db, _TIME, (middle,))
            if found is None or found[1] >= appended_us:
                high = middle
            else:
                low = found[0] + 1
        return low

    # ---- the group's position

    def _position(self) -> int | None:
        with translated(self._context.paths.index):
            found = row(self._db, 'SELECT "offset" FROM readers WHERE group_name=?', (self._group,))
        return int(found[0]) if found else None

    def _settle(self) -> None:
        """Note that the caller has finished the events that it was given."""
        self._done = self._next
        if not self._group or self._done == self._stored:
            return
        try:
            with transaction(self._db, self._context.paths.index):
                rows(self._db, "INSERT OR REPLACE INTO readers VALUES(?,?)", (self._group, self._done))
        except (LogFullError, LogBusyError) as error:
            logger.warning(
                "the position of group %s is not stored, its last events will come again: %s", self._group, error
            )
        else:
            self._stored = self._done
