"""The threshold that is chosen from what was found, and the rules that were considered beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.accuracy.labels import Picture
from benchmarks.accuracy.scoring import Found, Tally, total

THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(11))
CAUTIOUS = 0.5  # the threshold that most detectors use
_LARGE = 0.35  # share of the picture
_SCENE = 0.6

Rule = Callable[[Picture, Found, float], bool]


def _plain(_picture: Picture, found: Found, threshold: float) -> bool:
    return found.score >= threshold


def _cautious_if(condition: Callable[[Picture, Found], bool]) -> Rule:
    def keeps(picture: Picture, found: Found, threshold: float) -> bool:
        return found.score >= (max(threshold, CAUTIOUS) if condition(picture, found) else threshold)

    return keeps


def _share(picture: Picture, found: Found) -> float:
    return found.area / (picture.width * picture.height)


# The network sometimes takes a whole scene for one person; each rule is a way to be careful with such a box.
RULES: dict[str, Rule] = {
    "none": _plain,
    "persons from 0.5": _cautious_if(lambda _picture, found: found.label == "person"),
    "large persons from 0.5": _cautious_if(
        lambda picture, found: found.label == "person" and _share(picture, found) > _LARGE
    ),
    "large boxes from 0.5": _cautious_if(lambda picture, found: _share(picture, found) > _LARGE),
    "scene-wide boxes from 0.5": _cautious_if(lambda picture, found: _share(picture, found) > _SCENE),
}


def by_stream(
    pictures: Sequence[Picture], found: Sequence[Sequence[Found]], threshold: float, rule: Rule = _plain
) -> dict[str, Tally]:
    """Return a tally for each stream, of the boxes that the threshold and the rule keep."""
    tallies: dict[str, list[Tally]] = {}
    for picture, boxes in zip(pictures, found, strict=True):
        kept = [one for one in boxes if rule(picture, one, threshold)]
        tallies.setdefault(picture.stream, []).append(Tally.of(picture, kept))
    return {stream: total(each) for stream, each in tallies.items()}


def overall(
    pictures: Sequence[Picture], found: Sequence[Sequence[Found]], threshold: float, rule: Rule = _plain
) -> Tally:
    return total(by_stream(pictures, found, threshold, rule).values())


def choose(by_threshold: Mapping[float, Tally]) -> float:
    """Return the threshold with the best F1 among those that put no more boxes into pictures of nothing than CAUTIOUS does. Between
    equals the higher one wins."""
    allowed = by_threshold[CAUTIOUS].false_on_empty
    careful = [at for at, tally in by_threshold.items() if tally.false_on_empty <= allowed]
    return max(careful, key=lambda at: (round(by_threshold[at].f1, 3), at))
