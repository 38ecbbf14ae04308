"""Measures how well tracks fit the truth, as the MOT challenges do: MOTA (Bernardin and Stiefelhagen, 2008) and IDF1
(Ristani et al., 2016). Pairs are SciPy's, so that nothing of our tracker judges itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Box = tuple[float, float, float, float]
Boxes = Mapping[int, Box]  # those of one frame, by the number of their object or their track
LEAST = 0.5  # of intersection over union, for a track to be at its object


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Both at most 1. `switches`: how often an object got another id than before."""

    mota: float
    idf1: float
    switches: int


def score(truth: Sequence[Boxes], tracks: Sequence[Boxes]) -> Scores:
    """Compare tracks with the truth, frame by frame. An object that is in the truth and has no track counts as missed, whoever's
    fault that is."""
    objects, boxes = sum(map(len, truth)), sum(map(len, tracks))
    together: Counter[tuple[int, int]] = Counter()
    last: dict[int, int] = {}
    before: dict[int, int] = {}
    matched = switches = 0
    for real, seen in zip(truth, tracks, strict=True):
        near = {pair for pair in _pairs(real, seen) if overlap(real[pair[0]], seen[pair[1]]) >= LEAST}
        together.update(near)
        before = dict(_matches(real, seen, near, before))
        for number, track in before.items():
            matched += 1
            switches += last.get(number, track) != track
            last[number] = track
    wrong = (objects - matched) + (boxes - matched) + switches
    return Scores(mota=1 - wrong / objects, idf1=2 * _identified(together) / (objects + boxes), switches=switches)


def _pairs(real: Boxes, seen: Boxes) -> Iterator[tuple[int, int]]:
    return ((number, track) for number in real for track in seen)


def _matches(
    real: Boxes, seen: Boxes, near: set[tuple[int, int]], before: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    """Yield (object, track), each once: whoever had a track in the frame before keeps it while it is near, the others get those
    that overlap most. Of frames longer ago two objects may have had the same track."""
    kept = {(number, track) for number, track in near if before.get(number) == track}
    yield from kept
    numbers = [number for number in real if number not in {number for number, _ in kept}]
    tracks = [track for track in seen if track not in {track for _, track in kept}]
    shares = np.array([[overlap(real[number], seen[track]) for track in tracks] for number in numbers]).reshape(
        len(numbers), len(tracks)
    )
    for row, column in zip(*linear_sum_assignment(np.where(shares >= LEAST, -shares, 0.0)), strict=True):
        if shares[row, column] >= LEAST:
            yield numbers[row], tracks[column]


def _identified(together: Counter[tuple[int, int]]) -> int:
    """Return how many boxes are right if each object is the one track that suits it best, and each track one object."""
    numbers = sorted({number for number, _ in together})
    tracks = sorted({track for _, track in together})
    shared: NDArray[np.int64] = np.array(
        [[together[number, track] for track in tracks] for number in numbers], np.int64
    )
    return int(shared[linear_sum_assignment(-shared)].sum()) if together else 0


def overlap(first: Box, second: Box) -> float:
    """Return intersection over union."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    common = max(0.0, width) * max(0.0, height)
    return common / (_area(first) + _area(second) - common) if common else 0.0


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
