"""Compares what a network found with what people labelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import msgspec

from benchmarks.accuracy.labels import Box, Labelled, Picture

MIN_IOU = 0.5
IGNORED_SHARE = 0.5  # of a found box; what lies by half where nobody can tell is not judged


class Found(NamedTuple):
    """One found object. `score`: 0–1. `box`: x1, y1, x2, y2 in pixels of the picture."""

    label: str
    score: float
    box: Box

    @property
    def area(self) -> float:
        """The box's area in pixels."""
        return _area(self.box)


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a comparison. `hits`: labelled objects that were found. `missed`: those that were not. `false`: found boxes
    that are no labelled object. `false_on_empty`: those of them on pictures in which there is nothing. `shown`: pictures with at
    least one found box, of `pictures`."""

    hits: int = 0
    missed: int = 0
    false: int = 0
    false_on_empty: int = 0
    shown: int = 0
    pictures: int = 0

    @classmethod
    def of(cls, picture: Picture, found: Sequence[Found]) -> Self:
        hits, false = judge(picture, found)
        return cls(
            hits=hits,
            missed=len(picture.objects) - hits,
            false=false,
            false_on_empty=false if picture.is_empty else 0,
            shown=int(bool(found)),
            pictures=1,
        )

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 1 where there is nothing and nothing was found."""
        judged = 2 * self.hits + self.missed + self.false
        return 2 * self.hits / judged if judged else 1.0

    @property
    def precision(self) -> float:
        return self.hits / (self.hits + self.false) if self.hits + self.false else 1.0

    @property
    def recall(self) -> float:
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else 1.0


def total(tallies: Iterable[Tally]) -> Tally:
    taken = list(tallies)
    return Tally(**{name: sum(getattr(one, name) for one in taken) for name in Tally.__struct_fields__})


def judge(picture: Picture, found: Sequence[Found]) -> tuple[int, int]:
    """Return how many of the found boxes are labelled objects, and how many are false. The best scores choose first. Each object
    can be found once; what is found twice is false the second time."""
    left = list(picture.objects)
    hits = false = 0
    for one in sorted(found, key=lambda each: -each.score):
        same = [each for each in left if each.label == one.label and iou(each.box, one.box) >= MIN_IOU]
        if same:
            left.remove(max(same, key=lambda each: iou(each.box, one.box)))
            hits += 1
        else:
            false += not _is_ignored(one, picture.ignore)
    return hits, false


def iou(a: Box, b: Box) -> float:
    """Return the intersection over the union of two boxes, 0–1."""
    shared = _shared(a, b)
    union = _area(a) + _area(b) - shared
    return shared / union if union else 0.0


def _is_ignored(found: Found, places: Iterable[Labelled]) -> bool:
    least = IGNORED_SHARE * _area(found.box)
    return any(place.label in {"", found.label} and _shared(place.box, found.box) >= least for place in places)


def _shared(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
