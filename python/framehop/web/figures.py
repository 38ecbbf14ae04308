"""The figures of the last minute: how many events with which outcome, how long each stage took, how large batches were.

One row per second, in arrays of a fixed size: a million events a minute take the same memory as one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from framehop.types import Event

K = TypeVar("K")

SECONDS = 60
MAX_STAGES = 16
MAX_REASONS = 64  # of one second; others count as OTHER
LONGEST_REASON = 200
MAX_BATCH_SIZES = 257
OTHER = "other"
BATCH = "batch"  # the one entry of an event's stages that is no time

# Bounds of the buckets in milliseconds, four to an octave, from 0.1 ms to 100 s: a percentile is off by a tenth at most.
BOUNDS_MS = tuple(0.1 * 2 ** (step / 4) for step in range(81))


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """The milliseconds that a stage took, over `count` frames."""

    p50: float
    p90: float
    p99: float
    count: int


@dataclass(slots=True)
class _Second:
    """The counts of one second. `at`: which one, since 1970. `stages`: int64 [MAX_STAGES, len(BOUNDS_MS) + 1], by bucket."""

    at: int = -1
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    batches: Counter[int] = field(default_factory=Counter)
    stages: np.ndarray[tuple[int, int], np.dtype[np.int64]] = field(
        default_factory=lambda: np.zeros((MAX_STAGES, len(BOUNDS_MS) + 1), np.int64)
    )

    def clear(self, at: int) -> None:
        self.at = at
        self.outcomes.clear()
        self.reasons.clear()
        self.batches.clear()
        self.stages[:] = 0


class LastMinute:
    """Counts events by the second in which the log took them. Use under a lock."""

    def __init__(self) -> None:
        self._seconds = [_Second() for _ in range(SECONDS)]
        self._stages: dict[str, int] = {}

    def note(self, event: Event, appended_us: int, now_us: int) -> None:
        """Count an event, unless it is older than a minute. One that the log took in our future was taken now."""
        second = min(appended_us, now_us) // 1_000_000
        if second <= now_us // 1_000_000 - SECONDS:
            return
        row = self._seconds[second % SECONDS]
        if row.at != second:
            row.clear(second)
        row.outcomes[event.outcome] += 1
        if event.reason:
            _count(row.reasons, (event.outcome, event.reason[:LONGEST_REASON]))
        for stage, value in event.stages_ms.items():
            self._note_stage(row, stage, value)

    def _note_stage(self, row: _Second, stage: str, value: float) -> None:
        if not math.isfinite(value):
            return
        if stage == BATCH:
            row.batches[max(0, min(int(value), MAX_BATCH_SIZES - 1))] += 1
        elif (index := self._index(stage)) is not None:
            row.stages[index, bucket(value)] += 1

    def _index(self, stage: str) -> int | None:
        if stage not in self._stages and len(self._stages) < MAX_STAGES:
            self._stages[stage] = len(self._stages)
        return self._stages.get(stage)

    def _recent(self, now_us: int) -> list[_Second]:
        oldest = now_us // 1_000_000 - SECONDS
        return [row for row in self._seconds if row.at > oldest]

    def outcomes(self, now_us: int) -> Counter[str]:
        return _sum(row.outcomes for row in self._recent(now_us))

    def reasons(self, now_us: int) -> Counter[tuple[str, str]]:
        """Return how often each (outcome, reason) came."""
        return _sum(row.reasons for row in self._recent(now_us))

    def batches(self, now_us: int) -> Counter[int]:
        return _sum(row.batches for row in self._recent(now_us))

    def stages(self, now_us: int) -> dict[str, Percentiles]:
        recent = self._recent(now_us)
        if not recent:
            return {}
        counts = np.sum([row.stages for row in recent], axis=0)
        return {stage: percentiles(counts[index]) for stage, index in self._stages.items() if int(counts[index].sum())}


def bucket(value_ms: float) -> int:
    """Return the index of the first bound that is not below the value; one more than the last if there is none."""
    if value_ms <= BOUNDS_MS[0]:
        return 0
    step = math.ceil(math.log2(value_ms / BOUNDS_MS[0]) * 4 - 1e-9)
    return min(step, len(BOUNDS_MS))


def percentiles(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Percentiles:
    """Return the percentiles of a histogram, each the middle of its bucket."""
    total, summed = int(counts.sum()), np.cumsum(counts)

    def at(share: float) -> float:
        index = min(int(np.searchsorted(summed, share * total)), len(BOUNDS_MS) - 1)
        return round(BOUNDS_MS[index] / 2 ** (1 / 8), 3)

    return Percentiles(p50=at(0.5), p90=at(0.9), p99=at(0.99), count=total)


def _count(counts: Counter[tuple[str, str]], key: tuple[str, str]) -> None:
    counts[key if key in counts or len(counts) < MAX_REASONS else (key[0], OTHER)] += 1


def _sum(counters: Iterable[Mapping[K, int]]) -> Counter[K]:
    total: Counter[K] = Counter()
    for counter in counters:
        total.update(counter)
    return total
