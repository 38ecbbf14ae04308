"""Counts events since the page began, for Prometheus: by stream and outcome, and how long each stage took."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from framehop.types import Event
from framehop.web.figures import BATCH, MAX_STAGES, OTHER

MAX_LABELLED = 300  # streams with a label of their own in the metrics; the others are counted together
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
END_TO_END = "total"  # the stage from ingest to event
MAX_OBJECT_LABELS = 300
MAX_LANES = 16
LONGEST_LABEL = 100


@dataclass(slots=True)
class Histogram:
    """Counts by bound, those above the last bound at the end, and their sum in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def note(self, seconds: float) -> None:
        index = next((index for index, bound in enumerate(BOUNDS_S) if seconds <= bound), len(BOUNDS_S))
        self.counts[index] += 1
        self.sum_s += seconds


class Totals:
    """Counters that only grow, of bounded number. Use under a lock."""

    def __init__(self) -> None:
        self.frames: Counter[tuple[str, str, str]] = Counter()  # stream, lane, outcome
        self.objects: Counter[str] = Counter()
        self.stages: dict[str, Histogram] = {}
        self._streams: set[str] = set()
        self._lanes: set[str] = set()

    def note(self, event: Event) -> None:
        stream = _label(event.stream, self._streams, MAX_LABELLED)
        self.frames[stream, _label(event.lane[:LONGEST_LABEL], self._lanes, MAX_LANES), event.outcome] += 1
        for found in event.objects:
            label = found.label[:LONGEST_LABEL]
            self.objects[label if label in self.objects or len(self.objects) < MAX_OBJECT_LABELS else OTHER] += 1
        for stage, value in event.stages_ms.items():
            if stage != BATCH and math.isfinite(value):
                self._note_stage(stage, value / 1000)

    def _note_stage(self, stage: str, seconds: float) -> None:
        if stage not in self.stages and len(self.stages) >= MAX_STAGES:
            return
        self.stages.setdefault(stage, Histogram()).note(max(0.0, seconds))


def _label(name: str, labelled: set[str], most: int) -> str:
    """Return the label of a name: the name itself, or OTHER beyond the first `most` of its kind."""
    if name not in labelled and len(labelled) < most:
        labelled.add(name)
    return name if name in labelled else OTHER
