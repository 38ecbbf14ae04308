"""Pass frames by partition, and notices to give partitions back, from a consumer's own thread to the worker."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from framehop.protocols import Tenure
from framehop.timing import Deadline
from framehop.types import FrameRecord, Partition


@dataclass(slots=True, eq=False)
class Notice:
    """Partitions gained or to be given back; `heeded` is set once the worker has done its part."""

    gained: Mapping[Partition, Tenure] = field(default_factory=dict)
    revoked: frozenset[Partition] = frozenset()
    heeded: threading.Event = field(default_factory=threading.Event)


class Handoff:
    """Passes frames from one thread to another, bounded by bytes. Notices overtake frames; a revoked partition's frames are removed
    first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._changed = threading.Condition()
        self._lines: dict[Partition, deque[FrameRecord]] = {}
        self._turns: deque[Partition] = deque()
        self._notices: deque[Notice] = deque()
        self._bytes = 0
        self._woken = False
        self._failure: Exception | None = None

    # ---- the consumer's thread

    def put(self, records: Iterable[FrameRecord]) -> None:
        with self._changed:
            for record in records:
                partition = record.meta.pointer.topic_partition
                if partition not in self._lines:
                    self._lines[partition] = deque()
                    self._turns.append(partition)
                self._lines[partition].append(record)
                self._bytes += record.meta.payload_bytes
            self._changed.notify_all()

    def wait_room(self, timeout_s: float) -> bool:
        """Wait for room for more; return whether there is any."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < self._limit or self._woken, timeout_s)
            return self._bytes < self._limit

    def announce(self, notice: Notice) -> None:
        with self._changed:
            for partition in notice.revoked:
                self._bytes -= sum(record.meta.payload_bytes for record in self._lines.pop(partition, ()))
            self._turns = deque(partition for partition in self._turns if partition not in notice.revoked)
            self._notices.append(notice)
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    # ---- the worker's thread

    def take_notice(self) -> Notice | None:
        with self._changed:
            return self._notices.popleft() if self._notices else None

    def take(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        """Return frames of the partitions in turn; none when a notice or a wake-up came first. Raises the other thread's
        failure."""
        deadline = Deadline.after(timeout_s)
        with self._changed:
            self._changed.wait_for(
                lambda: self._failure or self._notices or self._woken or (max_frames and self._turns),
                deadline.remaining_s,
            )
            if self._failure is not None:
                raise self._failure
            self._woken = False
            return [] if self._notices else self._next(max_frames)

    def _next(self, max_frames: int) -> list[FrameRecord]:
        found: list[FrameRecord] = []
        while self._turns and len(found) < max_frames:
            partition = self._turns.popleft()
            line = self._lines[partition]
            record = line.popleft()
            found.append(record)
            self._bytes -= record.meta.payload_bytes
            if line:
                self._turns.append(partition)
            else:
                del self._lines[partition]
        if found:
            self._changed.notify_all()
        return found

    def wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()
