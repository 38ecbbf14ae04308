"""The FrameConsumer of a MemoryLog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Self

import msgspec

from framehop.errors import ClosedError, InvalidArgumentError
from framehop.partitioning import fair_shares
from framehop.protocols import BeginAt, CommitResult, PartitionsCallback, Start, Tenure, TenuresCallback
from framehop.testing.memory_store import TOPIC, MemoryGroup, MemoryStore
from framehop.timing import Deadline, now_us
from framehop.types import Event, EventRecord, FrameRecord, Partition


class MemoryConsumer:
    """A member in memory; see FrameConsumer. A lost partition leaves `assignment` without `on_revoke`, as in the embedded log."""

    def __init__(
        self,
        store: MemoryStore,
        group: str,
        member: str,
        *,
        start: Start,
        begin_at: BeginAt | None,
        on_assign: TenuresCallback | None,
        on_revoke: PartitionsCallback | None,
    ) -> None:
        self._store = store
        self._begin_at = begin_at or _offset_of
        self._on_assign = on_assign or _ignore
        self._on_revoke = on_revoke or _ignore
        self._claims: dict[int, int] = {}  # partition → generation
        self._positions: dict[int, int] = {}
        self._turn = 0
        self._frames_read = 0
        self._woken = False
        self._closed = False
        with store.changed:
            self._group = store.groups.setdefault(group, _new_group(store, start))
            self._group.members[self] = f"{len(self._group.members):06d}.{member}"
            store.changed.notify_all()

    @property
    def assignment(self) -> frozenset[Partition]:
        with self._store.changed:
            return _places(self._claims)

    @property
    def frames_read(self) -> int:
        return self._frames_read

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        deadline = Deadline.after(timeout_s)
        while True:
            self._rebalance()
            with self._store.changed:
                self._check_open()
                found = self._take(max_frames)
                if found or self._woken or deadline.expired:
                    self._woken = False
                    self._frames_read += len(found)
                    return found
                self._store.changed.wait(deadline.remaining_s)

    def commit(
        self,
        events: Sequence[Event],
        marks: Mapping[Partition, int],
        metadata: Mapping[Partition, str] | None = None,
        tenures: Mapping[Partition, int] | None = None,
    ) -> CommitResult:
        for event in events:
            if event.event_id != event.key.event_id(event.lane):
                raise InvalidArgumentError(f"event id {event.event_id!r} is not that of its frame and lane")
        with self._store.changed:
            self._check_open()
            self._store.check_room()
            touched = frozenset(place.number for place in marks) | {event.frame.partition for event in events}
            gone = frozenset(partition for partition in touched if not self._is_mine(partition))
            lost = gone | {partition for partition in touched - gone if not self._is_in(partition, tenures)}
            kept = [event for event in events if event.frame.partition not in lost]
            offsets = {event.event_id: offset for event in kept if (offset := self._add(event)) is not None}
            for place in frozenset(marks) - _places(lost):
                self._group.offsets[place.number] = max(self._group.offsets[place.number], marks[place])
                self._group.metadata[place.number] = (metadata or {}).get(place, "")
            self._drop(gone)
            self._store.changed.notify_all()
        return CommitResult(lost=_places(lost), duplicates=len(kept) - len(offsets), offsets=offsets)

    def positions(self) -> dict[Partition, int]:
        with self._store.changed:
            self._check_open()
            return {Partition(TOPIC, number): self._group.offsets[number] for number in self._claims}

    def wake(self) -> None:
        with self._store.changed:
            self._woken = True
            self._store.changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        with self._store.changed:
            if self._closed:
                return
            self._closed = True
            self._release(frozenset(self._claims))
            del self._group.members[self]
            self._store.changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this consumer of the log is closed")

    def _is_mine(self, partition: int) -> bool:
        return self._claims.get(partition) == self._group.generations[partition]

    def _is_in(self, partition: int, tenures: Mapping[Partition, int] | None) -> bool:
        return tenures is None or tenures.get(Partition(TOPIC, partition)) == self._claims[partition]

    def _drop(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            self._claims.pop(partition, None)

    def _release(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            if self._is_mine(partition):
                self._group.owners[partition] = None
                self._group.generations[partition] += 1
        self._drop(partitions)
        self._store.changed.notify_all()

    def _rebalance(self) -> None:
        with self._store.changed:
            self._check_open()
            self._drop(frozenset(partition for partition in self._claims if not self._is_mine(partition)))
            share = self._share()
            surplus = frozenset(sorted(self._claims)[share:])
            gained = self._claim(share - len(self._claims))
        if surplus:
            self._on_revoke(_places(surplus))
            with self._store.changed:
                self._release(surplus)
        if gained:
            self._on_assign(gained)

    def _share(self) -> int:
        names = self._group.members
        owned = dict.fromkeys(names.values(), 0)
        for owner in self._group.owners.values():
            if owner is not None:
                owned[names[owner]] += 1
        return fair_shares(owned, len(self._group.owners))[names[self]]

    def _claim(self, wanted: int) -> dict[Partition, Tenure]:
        free = [partition for partition, owner in self._group.owners.items() if owner is None]
        gained: dict[Partition, Tenure] = {}
        for partition in free[: max(0, wanted)]:
            self._group.owners[partition] = self
            self._group.generations[partition] += 1
            self._claims[partition] = self._group.generations[partition]
            tenure = Tenure(
                number=self._claims[partition],
                offset=self._group.offsets[partition],
                metadata=self._group.metadata.get(partition, ""),
            )
            gained[place := Partition(TOPIC, partition)] = tenure
            self._positions[partition] = max(0, min(tenure.offset, self._begin_at(place, tenure)))
        return gained

    def _take(self, max_frames: int) -> list[FrameRecord]:
        behind = sorted(p for p in self._claims if self._positions[p] < self._store.ends[p])
        self._turn += 1
        first = self._turn % len(behind) if behind else 0
        found: list[FrameRecord] = []
        for place, partition in enumerate(behind[first:] + behind[:first]):
            share = -(-(max_frames - len(found)) // (len(behind) - place))
            found += self._read(partition, share)
        return found

    def _read(self, partition: int, limit: int) -> list[FrameRecord]:
        found: list[FrameRecord] = []
        while len(found) < limit and self._positions[partition] < self._store.ends[partition]:
            record = self._store.read(partition, self._positions[partition])
            self._positions[partition] += 1
            if record is not None:
                found.append(replace(record, tenure=self._claims[partition]))
        return found

    def _add(self, event: Event) -> int | None:
        """Keep an event and return its offset; None when its id is there already."""
        if event.event_id in self._store.event_ids:
            return None
        offset = self._store.events[-1].offset + 1 if self._store.events else 1
        raw = msgspec.json.encode(event)
        self._store.events.append(EventRecord(event=event, raw=raw, offset=offset, appended_us=now_us()))
        self._store.event_ids.add(event.event_id)
        return offset


def _new_group(store: MemoryStore, start: Start) -> MemoryGroup:
    partitions = range(len(store.frames))
    return MemoryGroup(
        offsets={partition: store.ends[partition] if start == "latest" else 0 for partition in partitions},
        owners=dict.fromkeys(partitions),
        generations=dict.fromkeys(partitions, 0),
    )


def _places(numbers: Iterable[int]) -> frozenset[Partition]:
    """Convert numbers to Partitions. Inside this log a number is enough, since there is one topic."""
    return frozenset(Partition(TOPIC, number) for number in numbers)


def _offset_of(_partition: Partition, tenure: Tenure) -> int:
    """Return the tenure's own offset: reading begins where the tenure does."""
    return tenure.offset


def _ignore(_partitions: frozenset[Partition] | Mapping[Partition, Tenure]) -> None:
    """Stand in for a callback that was not given."""
