"""Compares the boxes of both sides: unless the same pixels give the same boxes, no figure counts."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.accuracy.scoring import iou
from benchmarks.harness.processes import BenchmarkError
from benchmarks.whole_worker.results import Box, Found

# Another batch size or number of threads sums in another order, which moves floats in their last digits; events keep four decimals
# of a score and two of a pixel. Both effects are far below these.
SCORE_TOLERANCE = 0.001
SIDE_TOLERANCE = 0.05  # pixels of the source


# Scripts decode at full size and resize otherwise, which moves this network's scores by up to .066 and its boxes by some pixels.
SURE = 0.1  # above the threshold: a box that both sides must have
SAME_PLACE = 0.5  # intersection over union
LEAST_AGREEMENT = 0.95  # two boxes on one object change places in the suppression now and then


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


def agreement(ours: Found, theirs: Found, *, threshold: float, peer: str) -> float:
    """Return the share of the sure boxes of either side, in the frames of `theirs`, that the other side has too: the same label
    in the same place. Raises BenchmarkError where that is too little, or there is nothing to compare."""
    sure = alike = 0
    for frame, boxes in theirs.items():
        if frame not in ours:
            raise BenchmarkError(f"framehop has no event for {frame}")
        for these, those in ((ours[frame], boxes), (boxes, ours[frame])):
            wanted = [box for box in these if box.score >= threshold + SURE]
            sure += len(wanted)
            alike += sum(any(_same_object(box, other) for other in those) for box in wanted)
    if alike < LEAST_AGREEMENT * sure or not sure:
        raise BenchmarkError(f"{peer} and framehop agree in {alike} of {sure} sure boxes: the figures are void")
    return alike / sure


def _same_object(a: Box, b: Box) -> bool:
    return a.label_id == b.label_id and iou(a.sides, b.sides) >= SAME_PLACE


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
