"""The writer's queue: bounded in bytes, drained in batches."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from framehop.account import IngestAccount
from framehop.errors import ClosedError, LogError, text_of
from framehop.protocols import Ack
from framehop.types import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingFrame:
    """A frame on its way into the log. `generation`: that of its stream's opening; None for a frame of a spool, whose key was made
    elsewhere."""

    frame: Frame
    crc: int
    generation: int | None
    on_ack: Callable[[Ack], None] | None

    @property
    def payload_bytes(self) -> int:
        return len(self.frame.payload)

    @property
    def stream(self) -> str:
        return self.frame.key.stream


@dataclass(frozen=True, slots=True, kw_only=True)
class PassChange:
    """A change to a stream's row that takes effect once all frames before it are in."""

    stream: str
    generation: int
    epoch: int
    pass_index: int
    finished: bool
    payload_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAccount:
    """Ingest's account of a stream, kept once the frames before it are in."""

    account: IngestAccount
    generation: int
    payload_bytes: int = 0

    @property
    def stream(self) -> str:
        return self.account.stream


Item = PendingFrame | PassChange | PendingAccount


class AppendQueue:
    """The queue itself. Thread-safe. Items that were taken count against the bound until `done`."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._undone = 0
        self._undone_of: Counter[str] = Counter()
        self._closed = False
        self._failure: Exception | None = None
        self._changed = threading.Condition()

    def put(self, item: Item, timeout_s: float | None) -> bool:
        """Add `item`, waiting for room; False when `timeout_s` is over. One item always fits an empty queue.

        Raises ClosedError after `close`, LogError after `fail`.
        """
        with self._changed:
            fits = self._changed.wait_for(lambda: self._fits(item.payload_bytes) or self._ended, timeout_s)
            self._raise_if_ended()
            if fits:
                self._items.append(item)
                self._bytes += item.payload_bytes
                self._undone += 1
                self._undone_of[item.stream] += 1
                self._changed.notify_all()
            return fits

    def take(self, max_items: int, max_bytes: int) -> list[Item]:
        """Wait for items and return the next ones in order, at least one; empty when the queue is closed and drained."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended)
            batch: list[Item] = []
            taken = 0
            while self._items and len(batch) < max_items:
                taken += self._items[0].payload_bytes
                if batch and taken > max_bytes:
                    break
                batch.append(self._items.popleft())
            return batch

    def done(self, batch: Sequence[Item]) -> None:
        """Note that `batch` is in the log and acknowledged."""
        with self._changed:
            self._bytes -= sum(item.payload_bytes for item in batch)
            self._undone -= len(batch)
            self._undone_of.subtract(item.stream for item in batch)
            self._changed.notify_all()

    def wait_drained(self, timeout_s: float) -> bool:
        """Wait until every item is done; False when the time is up or the writer failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._undone == 0 or self._failure is not None, timeout_s)
            return self._undone == 0

    def wait_done_of(self, stream: str, timeout_s: float) -> bool:
        """Wait like `wait_done`, but only for the items of one stream."""
        with self._changed:
            self._changed.wait_for(lambda: not self._undone_of[stream] or self._failure is not None, timeout_s)
            if self._undone_of[stream]:
                self._raise_if_failed()
                return False
            del self._undone_of[stream]
            return True

    def wait_done(self, timeout_s: float) -> bool:
        """Wait like `wait_drained`, but raise LogError after `fail`."""
        drained = self.wait_drained(timeout_s)
        if not drained:
            self._raise_if_failed()
        return drained

    @property
    def undone(self) -> int:
        with self._changed:
            return self._undone

    @property
    def failure(self) -> str:
        """Return why the writer cannot continue; empty while it can."""
        with self._changed:
            return text_of(self._failure) if self._failure is not None else ""

    def close(self) -> None:
        """Accept no more items; waiting `put`s raise ClosedError."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        """Drop everything still queued, unacknowledged, because the writer cannot continue."""
        with self._changed:
            self._failure = error
            self._items.clear()
            self._changed.notify_all()

    @property
    def _ended(self) -> bool:
        return self._closed or self._failure is not None

    def _fits(self, nbytes: int) -> bool:
        return self._bytes == 0 or self._bytes + nbytes <= self._limit

    def _raise_if_ended(self) -> None:
        self._raise_if_failed()
        if self._closed:
            raise ClosedError("this writer of the log is closed")

    def _raise_if_failed(self) -> None:
        if self._failure is not None:
            raise LogError(text_of(self._failure)) from self._failure
