"""Iterates the events of a pipeline while it writes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Self

from framehop.forks import Home
from framehop.log import LogAt
from framehop.pipeline.aside import OneCall
from framehop.protocols import Start
from framehop.types import Event, EventRecord

POLL_S = 0.25
AT_ONCE_S = 1e-6  # with 0 a reader of Kafka first asks where the end is
BATCH = 256  # the most events that are read ahead


class Events:
    """Yields each event of one lane as it becomes durable, in the order of the log, by `for` or `async for`.

    Ends with the pipeline, after its last event; an error that ended the pipeline early is raised there. A loop may be left at any
    moment, also by cancelling it: the next loop goes on with the next event. `close` it, use it as a context manager, or drop it.
    In a child that this process forks it raises ProcessError.
    Use it from one thread or task at a time; two iterators each get every event.
    """

    def __init__(
        self,
        at: LogAt,
        lane: str,
        *,
        over: Callable[[], bool],
        start: Start = "latest",
    ) -> None:
        """Begins at `start`: after the newest event there is now, or at the oldest. `over`: says whether the pipeline has ended.
        Raises LogError."""
        self._lane = lane
        self._over = over
        self._check: Callable[[], None] = lambda: None
        self._owner: object = None
        self._home = Home()
        self._found: deque[EventRecord] = deque()
        self._using = threading.Lock()  # held by the reader's user, who also closes it if another thread calls close()
        self._closed = False
        self._fetching = OneCall[bool]("framehop-events")
        self._log = at.open(create=False)
        try:
            self._reader = self._log.events(start=start)
        except BaseException:
            self._log.close()
            raise

    def owned(self, owner: object, check: Callable[[], None]) -> Self:
        """Keep `owner` alive while this is iterated; `check` raises the error that ended the pipeline early."""
        self._owner, self._check = owner, check
        return self

    # ---- iteration

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        return self.next_record().event

    def next_record(self) -> EventRecord:
        """Return the next event with its JSON as stored and its place in the log. Raises StopIteration."""
        while not self._found:
            if not self._fetch():
                self._end()
                raise StopIteration
        return self._found.popleft()

    def take(self, wait_s: float) -> list[EventRecord]:
        """Return the next events in order, as many as can be had; wait up to `wait_s` for the first. None come after the end."""
        if not self._found:
            self._fetch_within(wait_s)
        found = list(self._found)
        self._found.clear()
        return found

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._found:
            self._check_process()  # the thread that would find it out is not forked along
            if not await self._fetching.result_of(self._fetch):
                self._end()
                raise StopAsyncIteration
        return self._found.popleft().event

    def _fetch(self) -> bool:
        """Wait up to POLL_S for more events; False when none will come any more."""
        return self._fetch_within(POLL_S)

    def _fetch_within(self, wait_s: float) -> bool:
        self._check_process()
        with self._using:
            if self._closed:
                return False
            last_look = self._over()
            records = self._reader.poll(BATCH, 0.0 if last_look else wait_s)
            self._found.extend(record for record in records if record.event.lane == self._lane)
        self._close_if_left()
        return bool(records) or not last_look

    def _check_process(self) -> None:
        self._home.check("these events are")  # the database's connection is the parent's

    def _end(self) -> None:
        was_open = not self._closed
        self.close()
        if was_open:
            self._check()

    # ---- leaving

    def close(self) -> None:
        """End the iteration, also one under way in another thread. The pipeline goes on. Thread-safe; closing twice is harmless."""
        self._closed = True
        self._fetching.close()
        self._close_if_left()

    def _close_if_left(self) -> None:
        """Close the reader unless it is in use; its user calls this afterwards. In a forked child the reader is the parent's."""
        if self._closed and not self._home.left and self._using.acquire(blocking=False):
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
