"""Iterates the events of a log together with their pictures, while a pipeline writes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Self

from framehop.config.detect_options import DEFAULT_LOG
from framehop.errors import ClosedError
from framehop.forks import Home
from framehop.log import KafkaOptions, LogAt, LogOptions
from framehop.pipeline.aside import OneCall, finished_aside
from framehop.pipeline.event_queues import EveryEvent, NewestEvents
from framehop.pipeline.events import AT_ONCE_S, POLL_S, Events
from framehop.pipeline.picture_log import PictureLog
from framehop.protocols import Start
from framehop.sinks.seen import Seen
from framehop.types import Event, check_stream

LANE = "main"


class Live:
    """Yields `(event, picture)` by `for` or `async for`; see `framehop.live` and `Seen`.

    A loop may be left at any moment, also by cancelling it: the next loop goes on with the next picture. After an error, as when
    Kafka is away, the next step tries the same picture again. `close` it, use it as a context manager, or drop it. Use it from one
    thread or task at a time; `close` may be called from any. In a child that this process forks it raises ProcessError.
    """

    def __init__(
        self,
        at: LogAt,
        *,
        lane: str = LANE,
        streams: Collection[str] | None = None,
        newest: bool = True,
        start: Start = "latest",
        until_idle_s: float | None = None,
    ) -> None:
        """Opens nothing yet; see `framehop.live`."""
        self._at, self._lane, self._start = at, lane, start
        streams = [streams] if isinstance(streams, str) else streams
        self._streams = None if streams is None else frozenset(map(check_stream, streams))
        self._queue = NewestEvents() if newest else EveryEvent()
        self._until_idle_s = until_idle_s
        self._home = Home()
        self._opening = threading.Lock()
        self._events: Events | None = None
        self._pictures: PictureLog | None = None
        self._current: Event | None = None  # its picture is being read
        self._found: Seen | None = None
        self._closed = False
        self._looking = OneCall[bool]("framehop-live")

    @property
    def dropped(self) -> int:
        """Number of events that were not given out because a newer one of their stream was there. May be read from any thread."""
        return self._queue.dropped

    # ---- iteration

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Seen:
        asked_s = time.monotonic()
        while self._found is None:
            if not self._look() or self._ends_idle(asked_s):
                raise StopIteration
        return self._take_found()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Seen:
        if not self._closed:
            self._check_process()  # the thread that would find it out is not forked along
        asked_s = time.monotonic()
        while self._found is None:
            if not await self._looking.result_of(self._look) or self._ends_idle(asked_s):
                raise StopAsyncIteration
        return self._take_found()

    def _take_found(self) -> Seen:
        found, self._found = self._found, None
        assert found is not None
        return found

    def _ends_idle(self, asked_s: float) -> bool:
        """End the iteration when no event has come for too long since `asked_s`; return whether it has ended."""
        if self._found is not None or self._until_idle_s is None or time.monotonic() - asked_s < self._until_idle_s:
            return False
        self.close()
        return True

    def _look(self) -> bool:
        """Wait a moment for the next event and read its picture; False when it was closed. It is short while nothing comes, so
        that a dropped object whose waiter was cancelled is not kept by its thread."""
        try:
            if self._closed:
                return False
            events, pictures = self._open()
            self._current = self._current or self._next_event(events)
            if self._current is not None:
                self._found = pictures.seen(self._current)
                self._current = None
        except ClosedError:  # by another thread
            if not self._closed:
                raise
        return not self._closed

    def _next_event(self, events: Events) -> Event | None:
        """Return the next event of our streams, or None if none comes in a moment."""
        if isinstance(self._queue, NewestEvents) or not self._queue:
            self._gather(events)
        return self._queue.take() if self._queue else None

    def _gather(self, events: Events) -> None:
        """Put what has come into the queue. Only the newest events are gathered to the end, since they replace each other."""
        wait_s = AT_ONCE_S if self._queue else POLL_S
        while records := events.take(wait_s):
            for record in records:
                if self._streams is None or record.event.stream in self._streams:
                    self._queue.put(record.event)
            if isinstance(self._queue, EveryEvent):
                return
            wait_s = AT_ONCE_S

    # ---- opening and leaving

    def _open(self) -> tuple[Events, PictureLog]:
        """Open the log unless it is open. Raises LogError, ClosedError, ProcessError."""
        self._check_process()
        with self._opening:
            if self._closed:
                raise ClosedError("these live pictures are closed: call framehop.live again")
            if self._events is None or self._pictures is None:
                self._pictures = self._pictures or PictureLog(self._at)
                self._events = Events(self._at, self._lane, over=lambda: False, start=self._start)
            opened = self._events, self._pictures
        self._release_if_closed()
        return opened

    def _check_process(self) -> None:
        self._home.check("these pictures are")

    def close(self) -> None:
        """End the iteration, also one under way in another thread or task. Closing twice is harmless."""
        self._closed = True
        self._looking.close()
        self._release_if_closed()

    def _release_if_closed(self) -> None:
        """Close the events and the pictures once the iteration has ended. Whoever opens them calls this too, since `close` does not
        wait for that."""
        if not self._closed or self._home.left:  # what is open in a forked child is the parent's
            return
        for part in (self._events, self._pictures):
            if part is not None:
                part.close()

    async def aclose(self) -> None:
        """Do what `close` does without blocking the event loop."""
        await finished_aside(self.close)

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await finished_aside(self._open)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        with suppress(AttributeError):  # it was never made
            self.close()


def live(
    log: str | Path = DEFAULT_LOG,
    *,
    streams: Collection[str] | None = None,
    lane: str = LANE,
    newest: bool = True,
    start: Start = "latest",
    until_idle_s: float | None = None,
    log_options: LogOptions | KafkaOptions | None = None,
) -> Live:
    """Iterate `(event, picture)` of what a pipeline is just detecting, here or elsewhere, by `for` or `async for`.

    `picture`: read-only uint8 [H, W, 3], RGB, the frame of the event at its full size: copied from the ring of a pipeline on this
    host that has it so, else read from the log and decoded in this process. None when there is none, and then the pair's `why` says
    why not. The pipeline never waits for this loop.

    `streams`: only these; None for all. `lane`: whose events. `newest`: while the loop is busy, one event waits per stream, streams
    take turns, and older events are dropped and counted in `dropped`; else every event comes in the order of the log, and waits
    there. `start`: `latest` begins with what comes from now on, `beginning` with what the log holds; with `newest` that is the
    newest event of each stream. `until_idle_s`: end when nothing came for so many seconds; None waits until it is closed.
    `log_options`: as for `open_log`.

    Nothing is opened before the loop or the `with` block begins, where LogNotFoundError and the like are raised. While iterating it
    raises LogError, and goes on where it was when it is iterated again.
    """
    at = LogAt.of(log, log_options)
    return Live(at, streams=streams, lane=lane, newest=newest, start=start, until_idle_s=until_idle_s)
