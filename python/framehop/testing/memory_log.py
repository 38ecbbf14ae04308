"""A log in memory that keeps the FrameLog contract within one process, for tests of code that reads or writes a log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self, TypeVar

from framehop.account import IngestAccount
from framehop.handles import Handles
from framehop.protocols import (
    BeginAt,
    Delivery,
    OtherCallback,
    PartitionsCallback,
    ProgressCallback,
    Start,
    TenuresCallback,
)
from framehop.testing.memory_consumer import MemoryConsumer
from framehop.testing.memory_events import MemoryEventReader
from framehop.testing.memory_store import TOPIC, MemoryStore
from framehop.testing.memory_writer import MemoryWriter
from framehop.timing import now_us
from framehop.types import (
    DeadLetter,
    EventRecord,
    FrameMeta,
    FramePointer,
    FrameRecord,
    Gap,
    LostPicture,
    Partition,
    PartitionLag,
    check_reader_group,
)

_P = TypeVar("_P", MemoryWriter, MemoryConsumer, MemoryEventReader)


@dataclass(slots=True)
class _Faults:
    """The faults that a test can cause."""

    store: MemoryStore = field(repr=False)

    def fill(self, full: bool = True) -> None:
        """Leave no room: writers stall, commits raise LogFullError. `fill(False)` makes room."""
        with self.store.changed:
            self.store.full = full
            self.store.changed.notify_all()

    def lose_payload(self, pointer: FramePointer) -> None:
        """Damage the frame's bytes, so that it reads with payload None."""
        with self.store.changed:
            self.store.lost.add((pointer.partition, pointer.offset))

    def drop_before(self, partition: int, offset: int) -> None:
        """Apply hard retention: frames of `partition` below `offset` are dropped, and gap records written."""
        with self.store.changed:
            self.store.drop_before(partition, offset)

    def expire(self, group: str, partition: int) -> None:
        """Free a partition as if its owner had been silent for too long; the owner learns it from its next commit."""
        with self.store.changed:
            self.store.group(group).generations[partition] += 1
            self.store.group(group).owners[partition] = None


class MemoryLog:
    """A FrameLog without files. Thread-safe; `faults` breaks it on demand. `close` also closes what was made from it."""

    def __init__(self, *, partitions: int = 8, queue_bytes: int = 64 << 20) -> None:
        self._store = MemoryStore(partitions)
        self._queue_bytes = queue_bytes
        self._handles = Handles(self.url)
        self.faults = _Faults(self._store)

    @property
    def url(self) -> str:
        return "memory:"

    @property
    def partitions(self) -> int:
        return len(self._store.frames)

    @property
    def delivery(self) -> Delivery:
        return "exactly-once"

    def writer(self) -> MemoryWriter:
        return self._handles.keep(MemoryWriter(self._store, self._queue_bytes))

    def consumer(
        self,
        group: str,
        *,
        member: str,  # names are for people: two members may have one name
        start: Start = "beginning",
        begin_at: BeginAt | None = None,
        on_assign: TenuresCallback | None = None,
        on_revoke: PartitionsCallback | None = None,
    ) -> MemoryConsumer:
        return self._handles.keep(
            MemoryConsumer(
                self._store, group, member, start=start, begin_at=begin_at, on_assign=on_assign, on_revoke=on_revoke
            )
        )

    def look_back(self, partition: Partition, offset: int, within_us: int) -> Iterator[FrameMeta]:
        self._check_open()
        with self._store.changed:
            stored = self._store.frames[partition.number]
            found = [stored[at].meta for at in sorted(stored) if at < offset]
        yield from (meta for meta in found if meta.appended_us >= found[-1].appended_us - within_us)

    def members(self, group: str, count: int) -> list[str]:
        return [f"{group}-{index}" for index in range(count)]

    def events(self, *, start: Start = "beginning", since_us: int | None = None, group: str = "") -> MemoryEventReader:
        return self._handles.keep(
            MemoryEventReader(self._store, start, since_us, check_reader_group(group) if group else "")
        )

    def events_of(self, partition: Partition, since: int) -> Iterator[EventRecord]:
        self._check_open()
        with self._store.changed:
            found = [record for record in self._store.events if record.offset >= since]
        yield from (record for record in found if record.event.frame.topic_partition == partition)

    def events_end(self, partition: Partition) -> int:
        self._check_open()
        with self._store.changed:
            return self._store.events[-1].offset + 1 if self._store.events else 1

    def scan_frames(self, on_other: OtherCallback | None = None) -> Iterator[FrameMeta]:
        self._check_open()
        with self._store.changed:
            found = [record.meta for stored in self._store.frames for record in stored.values()]
        yield from found

    def read_frame(self, pointer: FramePointer) -> FrameRecord | None:
        self._check_open()
        with self._store.changed:
            return self._store.read(pointer.partition, pointer.offset)

    def dead_letters(self, lane: str | None = None) -> Iterator[DeadLetter]:
        """Iterate over the failed events."""
        with self.events() as reader:
            for event in (record.event for record in reader):
                if event.outcome == "failed" and lane in (None, event.lane):
                    yield DeadLetter.of_event(event)

    def gaps(self) -> list[Gap]:
        self._check_open()
        with self._store.changed:
            return list(self._store.gaps)

    def ingest_accounts(self) -> list[IngestAccount]:
        self._check_open()
        with self._store.changed:
            return [account for _, account in sorted(self._store.accounts.items())]

    def lost_pictures(self, on_progress: ProgressCallback | None = None) -> Iterator[LostPicture]:
        self._check_open()
        with self._store.changed:
            places = sorted(self._store.lost)
        for partition, offset in places:
            record = self.read_frame(FramePointer(topic=TOPIC, partition=partition, offset=offset))
            if record is not None:
                yield LostPicture(key=record.meta.key, pointer=record.meta.pointer, reason="its payload is lost")

    def lost_events(self) -> int:
        return 0

    def known_streams(self) -> dict[str, Partition]:
        return {}

    def end_offsets(self) -> dict[Partition, int]:
        self._check_open()
        with self._store.changed:
            return {Partition(TOPIC, number): end for number, end in enumerate(self._store.ends)}

    def committed(self, group: str) -> dict[Partition, int]:
        self._check_open()
        with self._store.changed:
            offsets = self._store.groups[group].offsets if group in self._store.groups else {}
            return {Partition(TOPIC, number): offset for number, offset in offsets.items()}

    def lag(self, group: str) -> list[PartitionLag]:
        committed, now = self.committed(group), now_us()
        with self._store.changed:
            owners = self._store.owners(group)
            return [
                self._lag(p, committed.get(Partition(TOPIC, p)), owners.get(p, ""), now)
                for p in range(len(self._store.frames))
            ]

    def _lag(self, partition: int, committed: int | None, owner: str, now: int) -> PartitionLag:
        stored, end = self._store.frames[partition], self._store.ends[partition]
        first = min((offset for offset in stored if offset >= (committed or 0)), default=end)
        seconds = max(0, now - stored[first].meta.appended_us) / 1e6 if first < end else None
        return PartitionLag(
            topic=TOPIC,
            partition=partition,
            end=end,
            committed=committed,
            messages=end - first,
            seconds=seconds,
            owner=owner,
        )

    def forget_group(self, group: str) -> None:
        self._check_open()
        with self._store.changed:
            self._store.groups.pop(group, None)
            self._store.readers.pop(group, None)

    def close(self) -> None:
        self._handles.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._handles.close(failed=exc[0] is not None)

    def _check_open(self) -> None:
        self._handles.check_open()
