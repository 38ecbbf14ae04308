"""The seqs of one (stream, epoch), with the place of each."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

from framehop.ops.ranges import Range, merged
from framehop.types import Partition

Place = tuple[Partition, int]  # and the offset there


@dataclass(slots=True)
class _Run:
    first: int
    partition: Partition
    offsets: array[int] = field(default_factory=lambda: array("q"))

    @property
    def end(self) -> int:
        return self.first + len(self.offsets)


class Seqs:
    """Eight bytes per seq as long as they come mostly in order, as they do: a log of weeks is audited in the memory of a laptop."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._runs: list[_Run] = []

    def add(self, seq: int, place: Place) -> bool:
        """False when it was there: the first place counts."""
        partition, offset = place
        at = bisect_right(self._firsts, seq) - 1
        run = self._runs[at] if at >= 0 else None
        if run is not None and seq < run.end:
            return False
        if run is None or (run.end, run.partition) != (seq, partition):
            run = _Run(seq, partition)
            self._firsts.insert(at + 1, seq)
            self._runs.insert(at + 1, run)
        run.offsets.append(offset)
        return True

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def first(self) -> int:
        return self._firsts[0]

    def place(self, seq: int) -> Place:
        """Raises IndexError for a seq that was never added."""
        run = self._runs[bisect_right(self._firsts, seq) - 1]
        return run.partition, run.offsets[seq - run.first]

    def ranges(self) -> list[Range]:
        return merged((run.first, run.end - 1) for run in self._runs)

    def neighbours(self, first: int, last: int) -> tuple[Place | None, Place | None]:
        """The places of the nearest seqs before `first` and behind `last`, between which they are not."""
        at = bisect_right(self._firsts, first)
        before = self.place(self._runs[at - 1].end - 1) if at > 0 else None
        return before, self.place(self._firsts[at]) if at < len(self._firsts) else None
