"""Store the seqs of one (stream, epoch), with the place of each."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

from framehop.ops.ranges import Range, merged
from framehop.types import Partition, Place


@dataclass(slots=True)
class _Run:
    first: int
    partition: Partition
    offsets: array[int] = field(default_factory=lambda: array("q"))

    @property
    def end(self) -> int:
        return self.first + len(self.offsets)


class Seqs:
    """The seqs, in eight bytes each as long as they come mostly in order, as they do: a laptop can audit a log of weeks."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._runs: list[_Run] = []

    def add(self, seq: int, place: Place) -> bool:
        """Add a seq; False if it was there already, and its first place then stays."""
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
        """Return the place of a seq. Raises IndexError for a seq that was never added."""
        run = self._runs[bisect_right(self._firsts, seq) - 1]
        return Place(run.partition, run.offsets[seq - run.first])

    def ranges(self) -> list[Range]:
        return merged((run.first, run.end - 1) for run in self._runs)

    def neighbours(self, missing: int) -> tuple[Place | None, Place | None]:
        """Return the places of the nearest seqs before and after one that was never added; None where there is none."""
        at = bisect_right(self._firsts, missing)
        before = self.place(self._runs[at - 1].end - 1) if at > 0 else None
        return before, self.place(self._firsts[at]) if at < len(self._firsts) else None
