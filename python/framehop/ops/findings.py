"""The audit's findings: all of them counted by stream, and a limited number named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from framehop.ops.ranges import Range, size, told
from framehop.types import FrameKey

MAX_FINDINGS = 20


class Findings:
    """The counts by kind and then by stream, and the named findings. The stream is empty where it is unknown."""

    def __init__(self, *kinds: str) -> None:
        self.counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
        self.told: list[str] = []
        self._told_of: Counter[str] = Counter()

    def total(self, kind: str) -> int:
        return self.counts[kind].total()

    def of(self, kind: str, key: FrameKey, why: str, *, wrong: bool = True) -> None:
        """Record one frame. Repeats that are allowed are counted and not named."""
        self.counts[kind][key.stream] += 1
        if wrong:
            self._tell(kind, f"{key}, {why}")

    def of_run(self, kind: str, first: FrameKey, last_seq: int, why: str) -> None:
        """Record the frames from `first` to `last_seq` of its epoch, of which there may be millions."""
        self.counts[kind][first.stream] += last_seq - first.seq + 1
        for seq in range(first.seq, min(last_seq + 1, first.seq + MAX_FINDINGS)):
            self._tell(kind, f"{FrameKey(first.stream, first.epoch, seq)}, {why}")

    def of_many(self, kind: str, stream: str, count: int, text: str) -> None:
        """Record `count` frames that have no names of their own."""
        self.counts[kind][stream] += count
        self._tell(kind, text)

    def of_waiting(self, stream: str, epoch: int, ranges: Sequence[Range]) -> None:
        """Record frames of one epoch whose event is still to come. They are missing too."""
        self.counts["waiting"][stream] += size(ranges)
        seqs = ", ".join(told(*found) for found in ranges[:5]) + (", …" if len(ranges) > 5 else "")
        self.of_many("missing", stream, size(ranges), f"{stream}/{epoch}/{seqs}, no event yet")

    def _tell(self, kind: str, text: str) -> None:
        if self._told_of[kind] < MAX_FINDINGS:
            self._told_of[kind] += 1
            self.told.append(f"{kind.replace('_', ' ')}: {text}")
