"""Tells whoever looks what is new. Each has a queue of a bounded size; one that reads slowly gets the newest event of each stream,
and is told how many it lost."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from framehop.types import EventRecord
from framehop.web.errors import ApiError

MAX_SUBSCRIBERS = 128
MAX_EVENTS = 512  # of one queue
MAX_BYTES = 1 << 20
MAX_PENDING = 4096  # on the way to the event loop


class Subscriber:
    """The queue of one client. Use in the event loop."""

    def __init__(self, streams: Collection[str], *, events: bool = True) -> None:
        """`streams`: whose events are wanted; empty for all. `events`: whether any are."""
        self._streams, self._wants = frozenset(streams), events
        self._events: deque[EventRecord] = deque()
        self._bytes = self._dropped = 0
        self.ready = asyncio.Event()

    def offer(self, records: Sequence[EventRecord], lost: int = 0) -> None:
        """Queue what is wanted of new events, before which `lost` others were dropped, wanted or not."""
        if not self._wants:
            return
        self._dropped += lost
        for record in records:
            if not self._streams or record.event.stream in self._streams:
                self._push(record)
        if self._events:
            self.ready.set()

    def _push(self, record: EventRecord) -> None:
        self._events.append(record)
        self._bytes += len(record.raw)
        if len(self._events) > MAX_EVENTS or self._bytes > MAX_BYTES:
            self._keep_newest()

    def _keep_newest(self) -> None:
        """Drop all but the newest event of each stream and lane; where these fill more than half of the queue, the oldest too, so
        that there is room before the next time."""
        newest: dict[tuple[str, str], EventRecord] = {}
        for record in reversed(self._events):
            newest.setdefault((record.event.stream, record.event.lane), record)
        before = len(self._events)
        self._events = deque(reversed(newest.values()))
        self._bytes = sum(len(record.raw) for record in self._events)
        while len(self._events) > MAX_EVENTS // 2 or (self._bytes > MAX_BYTES // 2 and len(self._events) > 1):
            self._bytes -= len(self._events.popleft().raw)
        self._dropped += before - len(self._events)

    def take(self) -> tuple[list[bytes], int]:
        """Return the JSON of what is new, oldest first, and how many events were dropped before it."""
        taken, dropped = [record.raw for record in self._events], self._dropped
        self._events.clear()
        self._bytes = self._dropped = 0
        self.ready.clear()
        return taken, dropped


class Feed:
    """Spreads new events from the thread that reads the log to the clients in the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: deque[EventRecord] = deque(maxlen=MAX_PENDING)
        self._lost = 0  # of those on the way, as the loop was busy for too long
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: set[Subscriber] = set()
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self.closed = asyncio.Event()

    def bind(self) -> None:
        """Take the running loop as the one of the clients."""
        self._loop = asyncio.get_running_loop()

    def publish(self, records: Sequence[EventRecord]) -> None:
        """Hand events to the clients. Thread-safe, and never waits for them."""
        with self._lock:
            self._lost += max(0, len(self._pending) + len(records) - MAX_PENDING)
            self._pending.extend(records)
            if self._scheduled or self._loop is None or not records:
                return
            self._scheduled = True
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the clients with it
            self._loop.call_soon_threadsafe(self._spread)

    def _spread(self) -> None:
        with self._lock:
            records, lost = list(self._pending), self._lost
            self._pending.clear()
            self._scheduled, self._lost = False, 0
        for subscriber in self._subscribers:
            subscriber.offer(records, lost)
        for stream in {record.event.stream for record in records}:
            self._wake(stream)

    def wake(self, stream: str) -> None:
        """Wake those who wait for a stream: it has a picture more. Thread-safe."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the clients with it
                self._loop.call_soon_threadsafe(self._wake, stream)

    def _wake(self, stream: str) -> None:
        for future in self._waiting.get(stream, ()):
            if not future.done():
                future.set_result(None)

    @property
    def full(self) -> bool:
        """Whether no further client can follow."""
        return len(self._subscribers) >= MAX_SUBSCRIBERS

    @contextmanager
    def subscribed(self, streams: Collection[str], *, events: bool = True) -> Iterator[Subscriber]:
        """Give a client its queue; see Subscriber. Raises ApiError when there are too many clients."""
        if self.full:
            raise ApiError(503, f"{MAX_SUBSCRIBERS} pages are open already: close one of them", retry_after_s=10)
        subscriber = Subscriber(streams, events=events)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def wait_for(self, stream: str, timeout_s: float) -> None:
        """Wait for the stream's next event, or its next picture of the tap, up to `timeout_s`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(stream, set())
        waiting.add(future)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            pass
        finally:
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(stream, None)

    def end(self) -> None:
        """Have every client's stream end. Thread-safe."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the clients with it
                self._loop.call_soon_threadsafe(self.close)

    def close(self) -> None:
        """Have every client's stream end. Call it in the loop."""
        self.closed.set()
        for subscriber in self._subscribers:
            subscriber.ready.set()
        for stream in self._waiting:
            self._wake(stream)
