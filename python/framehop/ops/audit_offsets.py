"""Compare offsets with records: a log knows how many frames each partition was given, whatever happened to them since."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from framehop.ops.ranges import Range, merged, size, without
from framehop.types import FramePointer, Gap, Partition, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Frames of one partition that nothing accounts for. `ranges`: offsets that hold none. `hidden`: how many more are missing
    among the offsets that retention removed, whose gaps name only stream and seq."""

    partition: Partition
    ranges: tuple[Range, ...]
    hidden: int

    @property
    def frames(self) -> int:
        return size(self.ranges) + self.hidden


class Offsets:
    """The records seen at each offset, up to `ends`: the next offsets from before anything was read."""

    def __init__(self, ends: Mapping[Partition, int]) -> None:
        self._ends = dict(ends)
        self._seen: defaultdict[Partition, list[Range]] = defaultdict(list)
        self._shared: set[Partition] = set()

    def see(self, pointer: FramePointer) -> None:
        """Note a record."""
        seen, offset = self._seen[pointer.topic_partition], pointer.offset
        if seen and seen[-1][1] + 1 == offset:
            seen[-1] = (seen[-1][0], offset)
        else:
            seen.append((offset, offset))

    def see_other(self, pointer: FramePointer) -> None:
        """Note a record that is no frame. It shows that others write here, so offsets without a record may be transaction marks."""
        self.see(pointer)
        self._shared.add(pointer.topic_partition)

    def sheet(self, gaps: Sequence[Gap], twice: Counter[Partition]) -> Sheet:
        """Return the open offsets. `twice`: by partition, how many frames are both among those seen and in `gaps`."""
        by_partition: defaultdict[Partition, list[Gap]] = defaultdict(list)
        for gap in gaps:
            if gap.first_offset <= gap.last_offset:  # what a spool has dropped never had an offset
                by_partition[gap.topic_partition].append(gap)
        return Sheet(
            {
                partition: self._open(partition, end, by_partition[partition], twice[partition])
                for partition, end in self._ends.items()
                if partition not in self._shared
            }
        )

    def _open(self, partition: Partition, end: int, gaps: Sequence[Gap], twice: int) -> _Open:
        seen = list(_below(end, merged(self._seen[partition])))
        gone = merged((gap.first_offset, gap.last_offset) for gap in gaps)
        ranges = list(without([(0, end - 1)], merged([*seen, *gone]))) if end > 0 else []
        counted = size(seen) - twice + _frames_in(gaps)
        # Gaps without a stream are exact ranges of offsets. Gaps of streams that share a partition overlap, so their frames are
        # counted.
        exact = all(not gap.stream for gap in gaps)
        return _Open(ranges, 0 if exact else max(0, end - counted - size(ranges)))


def _below(end: int, ranges: Iterable[Range]) -> Iterable[Range]:
    return ((first, min(last, end - 1)) for first, last in ranges if first < end)


def _frames_in(gaps: Iterable[Gap]) -> int:
    return sum(gap.last_seq - gap.first_seq + 1 for gap in gaps if gap.stream and gap.reason == "retention")


@dataclass(slots=True)
class _Open:
    ranges: list[Range]
    hidden: int


class Sheet:
    """Offsets without a frame. Those already reported by seq are crossed off; the rest is a shortage."""

    def __init__(self, found: dict[Partition, _Open]) -> None:
        self._open = found

    def cross_off(self, place: Place) -> None:
        """Cross off the offset of a frame that was reported."""
        partition, offset = place
        self._take(partition, offset, offset, 1)

    def cross_off_between(self, before: Place | None, behind: Place | None, count: int) -> None:
        """Cross off `count` reported frames of one stream, which lay between two others of it. Without a neighbour nothing is
        crossed off."""
        known = before or behind
        if known is not None:
            self._take(known.partition, before.offset if before else 0, behind.offset if behind else 1 << 62, count)

    def _take(self, partition: Partition, first: int, last: int, count: int) -> None:
        found = self._open.get(partition)
        if found is None:
            return
        within = [(max(first, low), min(last, high)) for low, high in found.ranges if low <= last and high >= first]
        taken: list[Range] = []
        for low, high in within:
            some = min(count, high - low + 1)
            if some:
                taken.append((low, low + some - 1))
            count -= some
        found.ranges = list(without(found.ranges, taken))
        found.hidden = max(0, found.hidden - count)

    def shortages(self) -> list[Shortage]:
        return [
            Shortage(partition=partition, ranges=tuple(found.ranges), hidden=found.hidden)
            for partition, found in sorted(self._open.items())
            if found.ranges or found.hidden
        ]
