"""Track how far a member may commit, by partition: past frames that are done, and past records that are no frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from framehop.types import Partition


@dataclass(slots=True)
class _Mark:
    """The progress in one partition. `tenure`: its number. `done`: the next offset to read, as far as the worker has finished.
    `committed`: as far as the broker knows. `handed`: the offset after the last frame handed out; less than `done` while frames
    from before the tenure are read again. `start`: where this tenure began. `jumps`: from one offset to another, over offsets that
    hold no frames."""

    tenure: int
    done: int
    committed: int
    handed: int
    start: int
    metadata: str = ""
    jumps: dict[int, int] = field(default_factory=dict)


class CommitProgress:
    """The marks of all owned partitions. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._marks: dict[Partition, _Mark] = {}
        self._begun = 0  # tenures so far

    @property
    def owned(self) -> frozenset[Partition]:
        return frozenset(self._marks)

    @property
    def tenures(self) -> dict[Partition, int]:
        """The tenure's number by owned partition."""
        return {partition: mark.tenure for partition, mark in self._marks.items()}

    def assign(self, partition: Partition, start: int, committed: int, metadata: str = "") -> int:
        """Begin a tenure and return its number. `committed`: the group's offset; less than `start` when everything between is
        accounted for. `metadata`: that of the group's last commit, which holds until the worker has finished a frame."""
        self._begun += 1
        self._marks[partition] = _Mark(
            tenure=self._begun, done=start, committed=committed, handed=start, start=start, metadata=metadata
        )
        return self._begun

    def read_again(self, partition: Partition, begin: int) -> None:
        """Note that frames from `begin` on, before the tenure's start, are handed out first. They count as done."""
        mark = self._marks.get(partition)
        if mark is not None:
            mark.handed = min(mark.handed, begin)

    def drop(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._marks.pop(partition, None)

    def hand_out(self, partition: Partition, offset: int) -> int | None:
        """Note that a frame goes to the worker, and return the tenure's number. None when the partition is not ours or the frame
        was handed out before."""
        mark = self._marks.get(partition)
        if mark is None or offset < mark.handed:
            return None
        mark.handed = offset + 1
        return mark.tenure

    def handed(self, partition: Partition) -> int | None:
        """Return the offset after the last frame handed out; None when the partition is not ours."""
        mark = self._marks.get(partition)
        return mark.handed if mark is not None else None

    def unread(self, partition: Partition) -> int | None:
        """Return the first offset that no worker has read; None when the partition is not ours."""
        mark = self._marks.get(partition)
        return max(mark.handed, mark.done) if mark is not None else None

    def skip(self, partition: Partition, to: int) -> None:
        """Note that there are no frames between the last one handed out and offset `to`."""
        mark = self._marks.get(partition)
        if mark is not None and mark.handed < to:
            if to > mark.done:
                mark.jumps[max(mark.handed, mark.done)] = to
            mark.handed = to
            self._advance(mark)

    def finish(self, marks: Mapping[Partition, int], metadata: Mapping[Partition, str]) -> None:
        """Note that frames below the marks are done and their events durable. A mark never moves back, nor past what was handed
        out; partitions that are not ours are ignored."""
        for partition, offset in marks.items():
            mark = self._marks.get(partition)
            if mark is not None and min(offset, mark.handed) > mark.done:
                mark.done = min(offset, mark.handed)
                mark.metadata = metadata.get(partition, "")
                self._advance(mark)

    def due_with(
        self, marks: Mapping[Partition, int], metadata: Mapping[Partition, str]
    ) -> dict[Partition, tuple[int, str]]:
        """Return what will be `due` once these marks are finished, without changing anything."""
        ahead = CommitProgress()
        ahead._marks = {partition: replace(mark, jumps=dict(mark.jumps)) for partition, mark in self._marks.items()}
        ahead.finish(marks, metadata)
        return ahead.due()

    def _advance(self, mark: _Mark) -> None:
        while mark.done in mark.jumps:
            mark.done = mark.jumps.pop(mark.done)

    def due(self) -> dict[Partition, tuple[int, str]]:
        """Return the offset to commit and its metadata for each partition where the broker does not know it yet."""
        return {
            partition: (mark.done, mark.metadata)
            for partition, mark in self._marks.items()
            if mark.done > mark.committed
        }

    @property
    def at_rest(self) -> bool:
        """Whether the broker knows that all is done which was handed out."""
        return all(mark.committed >= max(mark.handed, mark.done) for mark in self._marks.values())

    @property
    def ahead(self) -> int:
        """The number of offsets done and not known to be committed; a crash would repeat them."""
        return sum(mark.done - max(mark.committed, mark.start) for mark in self._marks.values())

    def committed(self, marks: Mapping[Partition, int]) -> None:
        for partition, offset in marks.items():
            mark = self._marks.get(partition)
            if mark is not None:
                mark.committed = max(mark.committed, offset)

    def reached(self, marks: Mapping[Partition, int]) -> bool:
        """Return whether the broker knows these marks, as far as the partitions are ours."""
        return all(
            mark.committed >= offset
            for partition, offset in marks.items()
            if (mark := self._marks.get(partition)) is not None
        )

    def positions(self) -> dict[Partition, int]:
        return {partition: mark.done for partition, mark in self._marks.items()}
