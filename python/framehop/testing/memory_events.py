"""The EventReader of a MemoryLog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from framehop.errors import ClosedError
from framehop.protocols import Start
from framehop.testing.memory_store import MemoryStore
from framehop.types import EventRecord


class MemoryEventReader:
    """See EventReader."""

    def __init__(self, store: MemoryStore, start: Start) -> None:
        self._store = store
        self._closed = False
        with store.changed:
            self._next = store.events[-1].offset + 1 if start == "latest" and store.events else 0

    def poll(self, max_events: int, timeout_s: float) -> list[EventRecord]:
        with self._store.changed:
            self._check_open()
            self._store.changed.wait_for(lambda: self._closed or self._waiting(), timeout_s)
            self._check_open()
            found = self._waiting()[:max_events]
            if found:
                self._next = found[-1].offset + 1
            return found

    def __iter__(self) -> Iterator[EventRecord]:
        with self._store.changed:
            count = len(self._waiting())
        return iter(self.poll(count, 0.0))

    def close(self) -> None:
        with self._store.changed:
            self._closed = True
            self._store.changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this reader of events is closed")

    def _waiting(self) -> list[EventRecord]:
        return [record for record in self._store.events if record.offset >= self._next]
