"""The EventReader of a MemoryLog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from framehop.errors import ClosedError
from framehop.protocols import SINCE_MARGIN_US, Start
from framehop.testing.memory_store import MemoryStore
from framehop.types import EventRecord


class MemoryEventReader:
    """A reader in memory; see EventReader."""

    def __init__(self, store: MemoryStore, start: Start, since_us: int | None = None, group: str = "") -> None:
        self._store = store
        self._group = group
        self._closed = False
        self.passed_over = 0
        with store.changed:
            position = store.readers.get(group) if group else None
            # `_next` is the offset after the last event handed out, `_done` the offset after the last one that the caller has
            # finished.
            self._next = self._done = self._begin(start, since_us) if position is None else position

    def _begin(self, start: Start, since_us: int | None) -> int:
        events = self._store.events
        end = events[-1].offset + 1 if events else 0
        if since_us is not None:
            return next((record.offset for record in events if record.appended_us >= since_us - SINCE_MARGIN_US), end)
        return end if start == "latest" else 0

    def poll(self, max_events: int, timeout_s: float) -> list[EventRecord]:
        with self._store.changed:
            self._check_open()
            self._settle()
            self._store.changed.wait_for(lambda: self._closed or self._waiting(), timeout_s)
            self._check_open()
            found = self._waiting()[:max_events]
            if found:
                self._next = found[-1].offset + 1
            return found

    def __iter__(self) -> Iterator[EventRecord]:
        with self._store.changed:
            self._check_open()
            self._settle()
            found = self._waiting()
        for record in found:
            self._next = record.offset + 1
            yield record
            self._settle()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        with self._store.changed:
            if not self._closed:
                self._settle()
            self._closed = True
            self._store.changed.notify_all()

    def abandon(self) -> None:
        """Close, so that the next reader of the group gets the events handed out last again."""
        self._next = self._done
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is not None:
            self.abandon()
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this reader of events is closed")

    def _settle(self) -> None:
        """Note that the caller has finished the events that it was given."""
        self._done = self._next
        if self._group:
            with self._store.changed:
                self._store.readers[self._group] = self._done

    def _waiting(self) -> list[EventRecord]:
        return [record for record in self._store.events if record.offset >= self._next]
