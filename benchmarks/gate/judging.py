"""Judges which frames were looked at: what a reader of the events would not have known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from benchmarks.accuracy.scoring import Found, iou

SURE = 0.1  # above the model's threshold; a weaker object comes and goes without anything having moved
KNOWN = 0.3  # IoU with where it was seen last


class Verdict(NamedTuple):
    """`looked`: frames that were looked at, of `frames`. `missed`: sure objects in the other frames that were not known from the
    last frame that was looked at, of `objects` in all frames. `longest`: the most frames in a row with such an object."""

    frames: int
    looked: int
    objects: int
    missed: int
    longest: int


def judge(found: Sequence[Sequence[Found]], looked_at: Collection[int], threshold: float) -> Verdict:
    """Judge one view. `found`: the objects in every frame, weak ones too. `looked_at`: places of the frames that were looked at."""
    known: Sequence[Found] = ()
    objects = missed = longest = row = 0
    for place, here in enumerate(found):
        sure = [one for one in here if one.score >= threshold + SURE]
        objects += len(sure)
        if place in looked_at:
            known, news = here, 0
        else:
            news = sum(not _is_known(one, known) for one in sure)
        missed += news
        row = row + 1 if news else 0
        longest = max(longest, row)
    return Verdict(len(found), len(looked_at), objects, missed, longest)


def _is_known(one: Found, known: Sequence[Found]) -> bool:
    return any(other.label == one.label and iou(one.box, other.box) >= KNOWN for other in known)


def evenly(frames: int, looks: int) -> set[int]:
    """Return the places of so many looks, spread evenly: what `fps` would look at."""
    return {place * frames // looks for place in range(looks)}
