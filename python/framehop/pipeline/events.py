"""Iterating the events of a pipeline while it writes them."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Self

from framehop.log import LogAt
from framehop.pipeline.aside import Aside, result_of
from framehop.types import Event, EventRecord

POLL_S = 0.25
BATCH = 256  # the most that is held here, and not in the log


class Events:
    """Each event of one lane as it becomes durable, in the order of the log: `for event in events` or `async for event in events`.

    Ends with the pipeline, after its last event; what ended the pipeline early is raised there. Leave it at any moment, cancelled
    or not: an event that was not handed out is the next one. `close` it, use it as a context manager, or let it go. One thread or
    task at a time; two iterators each get every event.
    """

    def __init__(
        self,
        at: LogAt,
        lane: str,
        *,
        over: Callable[[], bool],
    ) -> None:
        """Begins behind the newest event there is now. `over`: whether the pipeline has ended. Raises LogError as found."""
        self._lane = lane
        self._over = over
        self._check: Callable[[], None] = lambda: None
        self._owner: object = None
        self._pid = os.getpid()
        self._found: deque[EventRecord] = deque()
        self._using = threading.Lock()  # the reader; a close by another thread leaves it to who uses it
        self._closed = False
        self._aside = Aside("events")
        self._pending: Future[bool] | None = None
        self._log = at.open(create=False)
        try:
            self._reader = self._log.events(start="latest")
        except BaseException:
            self._log.close()
            raise

    def owned(self, owner: object, check: Callable[[], None]) -> Self:
        """Keep `owner` while this is iterated; `check` raises what ended the pipeline early."""
        self._owner, self._check = owner, check
        return self

    # ---- iteration

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        return self.next_record().event

    def next_record(self) -> EventRecord:
        """The event with its JSON as stored, and its place in the log. Raises StopIteration."""
        while not self._found:
            if not self._fetch():
                self._end()
                raise StopIteration
        return self._found.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._found:
            if not await self._fetch_aside():
                self._end()
                raise StopAsyncIteration
        return self._found.popleft().event

    async def _fetch_aside(self) -> bool:
        """A fetch that was begun is waited for again after a cancellation: what it finds is not lost."""
        if self._pending is None:
            self._pending = self._aside.submit(self._fetch)
        try:
            return await result_of(self._pending)
        finally:
            if self._pending is not None and self._pending.done():
                self._pending = None

    def _fetch(self) -> bool:
        """Wait a little for more; False when there will be none."""
        with self._using:
            if self._closed:
                return False
            last_look = self._over()
            records = self._reader.poll(BATCH, 0.0 if last_look else POLL_S)
            self._found.extend(record for record in records if record.event.lane == self._lane)
        self._close_if_left()
        return bool(records) or not last_look

    def _end(self) -> None:
        was_open = not self._closed
        self.close()
        if was_open:
            self._check()

    # ---- leaving

    def close(self) -> None:
        """From any thread; twice is harmless. Who iterates meets the end. The pipeline goes on."""
        self._closed = True
        self._aside.close()
        self._close_if_left()

    def _close_if_left(self) -> None:
        """Whoever has the reader in use comes by here afterwards. In a forked child it is the parent's."""
        if self._closed and os.getpid() == self._pid and self._using.acquire(blocking=False):
            try:
                self._reader.close()
                self._log.close()
            finally:
                self._using.release()

    async def aclose(self) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_reader"):
            self.close()
