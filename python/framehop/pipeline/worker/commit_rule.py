"""The commit rule: a partition's offset moves only over frames whose events are known, and skips none."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from framehop.types import Event, Partition


@dataclass(slots=True)
class _Entry:
    """One frame in flight. `taken`: its event was taken ahead of the mark."""

    offset: int
    stream: str
    event: Event | None = None
    taken: bool = False


@dataclass(slots=True)
class _Line:
    """One partition's frames in flight, all of one tenure, in the order of the log."""

    tenure: int
    queue: deque[_Entry] = field(default_factory=deque)
    by_offset: dict[int, _Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The events and marks to commit now. `marks`: by partition, the next offset to read once `events` are durable. `tenures`: by
    partition, the tenure under which its frames were read."""

    events: list[Event]
    marks: dict[Partition, int]
    tenures: dict[Partition, int]


class CommitTracker:
    """Follows frames from poll to commit. Frames of a partition are added in log order and completed in any order.

    `ahead`: an event is taken as soon as all earlier ones of its stream are, without waiting for other streams of its partition;
    after a crash it comes again under the same id. Otherwise an event is taken together with the mark that follows it.
    Not thread-safe: its owner holds a lock. Its size is bounded by the caller (the worker's window).
    """

    def __init__(self, *, ahead: bool = False) -> None:
        self._ahead = ahead
        self._lines: dict[Partition, _Line] = {}
        self._in_flight = 0
        self._completed = 0

    @property
    def completed(self) -> int:
        """Number of events noted since events were last taken."""
        return self._completed

    @property
    def in_flight(self) -> int:
        """Number of frames added and not yet taken."""
        return self._in_flight

    def in_flight_of(self, partitions: Iterable[Partition]) -> int:
        return sum(len(line.queue) for partition in partitions if (line := self._lines.get(partition)))

    def begin(self, partition: Partition, tenure: int) -> None:
        """Begin a tenure: the partition came, or came back. Forget its frames of an older tenure, as they are read anew."""
        line = self._lines.get(partition)
        if line is None or line.tenure < tenure:
            self.drop([partition])
            self._lines[partition] = _Line(tenure)

    def add(self, partition: Partition, offset: int, stream: str = "", *, tenure: int = 0) -> None:
        """Follow a frame that was polled. Within a tenure the offsets of a partition rise; they need not be contiguous. A frame of
        an older tenure than the partition's is ignored."""
        self.begin(partition, tenure)
        line = self._lines[partition]
        if line.tenure > tenure:
            return
        if line.queue and offset <= line.queue[-1].offset:
            raise ValueError(f"offset {offset} of partition {partition} comes after {line.queue[-1].offset}")
        entry = _Entry(offset, stream)
        line.queue.append(entry)
        line.by_offset[offset] = entry
        self._in_flight += 1

    def complete(self, event: Event, *, tenure: int = 0) -> bool:
        """Note the outcome of a frame of that tenure. Returns False when the tenure has ended meanwhile: the event must not be
        written."""
        line = self._lines.get(event.frame.topic_partition)
        entry = line.by_offset.get(event.frame.offset) if line and line.tenure == tenure else None
        if entry is None or entry.event is not None:
            return False
        entry.event = event
        self._completed += 1
        return True

    def take(self, limit: int = 1 << 30) -> Batch:
        """Remove and return what may be committed, in log order per partition; at most `limit` events, partitions in turn."""
        batch = Batch(events=[], marks={}, tenures={})
        self._completed = 0
        for partition, line in list(self._lines.items()):
            batch.tenures[partition] = line.tenure
            # Most are empty, at each of two calls for every commit. Those that get no turn stay in front, for the next call.
            if not line.queue or len(batch.events) == limit:
                continue
            self._lines[partition] = self._lines.pop(partition)  # moves it to the end
            batch.events.extend(islice(self._events(line), limit - len(batch.events)))
            while line.queue and line.queue[0].taken:
                offset = line.queue.popleft().offset
                del line.by_offset[offset]
                self._in_flight -= 1
                batch.marks[partition] = offset + 1
        return batch

    def _events(self, line: _Line) -> Iterator[Event]:
        """Iterate the events that may be taken now: the line's completed prefix, or with `ahead` that of each of its streams."""
        waiting: set[str] = set()
        for entry in line.queue:
            if entry.event is None:
                if not self._ahead:
                    return
                waiting.add(entry.stream)
            elif not entry.taken and entry.stream not in waiting:
                entry.taken = True
                yield entry.event

    def drop(self, partitions: Iterable[Partition]) -> int:
        """Forget partitions that are no longer ours; returns how many frames were in flight in them."""
        dropped = 0
        for partition in partitions:
            line = self._lines.pop(partition, None)
            dropped += len(line.queue) if line else 0
        self._in_flight -= dropped
        return dropped

    def end(self, tenures: Mapping[Partition, int]) -> None:
        """Forget partitions whose tenure has ended, but not those in which another has begun."""
        self.drop(
            [
                partition
                for partition, tenure in tenures.items()
                if (line := self._lines.get(partition)) and line.tenure == tenure
            ]
        )
