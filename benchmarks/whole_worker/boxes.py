"""Compares the boxes of both sides: unless the same pixels give the same boxes, no figure counts."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.harness.processes import BenchmarkError
from benchmarks.whole_worker.results import Box, Found

# Another batch size or number of threads sums in another order, which moves floats in their last digits; events keep four decimals
# of a score and two of a pixel. Both effects are far below these.
SCORE_TOLERANCE = 0.001
SIDE_TOLERANCE = 0.05  # pixels of the source


class Comparison(NamedTuple):
    equal: int
    borderline: int


def compare(ours: Found, theirs: Found, *, threshold: float, peer: str) -> Comparison:
    """Check that every frame of `theirs` has the same boxes in `ours`. Raises BenchmarkError naming the first that has not."""
    equal = borderline = 0
    for frame, boxes in theirs.items():
        if frame not in ours:
            raise BenchmarkError(f"framehop has no event for {frame}")
        pairs, alone = _match(ours[frame], boxes)
        if any(box.score > threshold + SCORE_TOLERANCE for box in alone):
            raise BenchmarkError(
                f"{peer} and framehop differ in {frame}: {boxes} and {ours[frame]}: the figures are void"
            )
        equal += pairs
        borderline += len(alone)
    return Comparison(equal, borderline)


def _match(ours: list[Box], theirs: list[Box]) -> tuple[int, list[Box]]:
    """Return how many boxes are on both sides, and those that are on one side only."""
    left, alone = list(theirs), []
    for box in ours:
        twin = next((other for other in left if _same(box, other)), None)
        if twin is None:
            alone.append(box)
        else:
            left.remove(twin)
    return len(theirs) - len(left), alone + left


def _same(a: Box, b: Box) -> bool:
    return (
        a.label_id == b.label_id
        and abs(a.score - b.score) <= SCORE_TOLERANCE
        and all(abs(x - y) <= SIDE_TOLERANCE for x, y in zip(a.sides, b.sides, strict=True))
    )
