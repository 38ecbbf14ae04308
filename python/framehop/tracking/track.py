"""One object as it was seen in the last frames, and where it is expected next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

Box = tuple[float, float, float, float]

HISTORY_US = 1_000_000  # how far back its speed is taken from
MOST_SEEN = 8
STRONG = 0.5  # from this score on a box may begin a track


class Observation(NamedTuple):
    """The box of the object at a time of the tracker's clock. Observations are ordered by time, then by seq."""

    at_us: int
    seq: int
    box: Box


@dataclass(slots=True)
class Track:
    """A track and what is remembered of it: nothing from more than HISTORY_US before it was seen last."""

    number: int
    label: str
    seen: list[Observation] = field(default_factory=list)

    @property
    def last_us(self) -> int:
        return self.seen[-1].at_us

    def note(self, seen: Observation) -> None:
        """Note where the object was. A frame that is shown before an earlier one takes its place between them."""
        self.seen.append(seen)
        self.seen.sort()
        oldest = self.last_us - HISTORY_US
        self.seen = [each for each in self.seen[-MOST_SEEN:] if each.at_us >= oldest]

    def expected(self, at_us: int) -> Box:
        """Return where the object should be at a time: where it was at the nearest one, moved on at its speed."""
        nearest = self.seen[-1]
        if at_us < nearest.at_us:  # a film's picture that is shown before one that came earlier
            nearest = min(reversed(self.seen), key=lambda each: abs(each.at_us - at_us))
        dx, dy = self._speed()
        ahead = at_us - nearest.at_us
        x1, y1, x2, y2 = nearest.box
        return x1 + dx * ahead, y1 + dy * ahead, x2 + dx * ahead, y2 + dy * ahead

    def _speed(self) -> tuple[float, float]:
        """Return pixels per microsecond: from the older half of what is remembered to the newer, as single boxes tremble."""
        half = len(self.seen) // 2
        passed, across, down = 0, 0.0, 0.0
        for old, new in zip(self.seen[:half], self.seen[-half:], strict=True) if half else ():
            passed += new.at_us - old.at_us
            across += new.box[0] + new.box[2] - old.box[0] - old.box[2]
            down += new.box[1] + new.box[3] - old.box[1] - old.box[3]
        return (across / (2 * passed), down / (2 * passed)) if passed else (0.0, 0.0)
