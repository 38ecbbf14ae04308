"""One object as it was seen in the last frames, and where it is expected next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Box = tuple[float, float, float, float]

HISTORY_US = 1_000_000  # how far back its speed is taken from
MOST_SEEN = 12


class Seen(NamedTuple):
    """Where the object was at a time of the tracker's clock. They are ordered by time, then by seq."""

    at_us: int
    seq: int
    box: Box


@dataclass(slots=True)
class Track:
    """A track and what is remembered of it: nothing from more than HISTORY_US before it was seen last."""

    number: int
    label: str
    seen: list[Seen] = field(default_factory=list)

    @property
    def last_us(self) -> int:
        return self.seen[-1].at_us

    def note(self, seen: Seen) -> None:
        """Note where the object was. A frame that is shown before an earlier one takes its place between them."""
        self.seen.append(seen)
        self.seen.sort()
        oldest = self.last_us - HISTORY_US
        self.seen = [each for each in self.seen[-MOST_SEEN:] if each.at_us >= oldest]

    def expected(self, at_us: int) -> Box:
        """Return where the object should be at a time: where it was at the nearest one, moved on at its speed."""
        nearest = min(reversed(self.seen), key=lambda each: abs(each.at_us - at_us))
        dx, dy = self._speed()
        ahead = at_us - nearest.at_us
        x1, y1, x2, y2 = nearest.box
        return x1 + dx * ahead, y1 + dy * ahead, x2 + dx * ahead, y2 + dy * ahead

    def _speed(self) -> tuple[float, float]:
        """Return pixels per microsecond: between the older half of what is remembered and the newer, as single boxes tremble."""
        half = len(self.seen) // 2
        if not half:
            return 0.0, 0.0
        first_us = self.seen[0].at_us  # the clock of another process begins elsewhere, and no digit may depend on that
        (t0, x0, y0), (t1, x1, y1) = _middle(self.seen[:half], first_us), _middle(self.seen[-half:], first_us)
        return ((x1 - x0) / (t1 - t0), (y1 - y0) / (t1 - t0)) if t1 > t0 else (0.0, 0.0)


def _middle(seen: Sequence[Seen], since_us: int) -> tuple[float, float, float]:
    """Return the mean of the time since `since_us` and of the centre."""
    count = len(seen)
    return (
        sum(each.at_us - since_us for each in seen) / count,
        sum(each.box[0] + each.box[2] for each in seen) / (2 * count),
        sum(each.box[1] + each.box[3] for each in seen) / (2 * count),
    )
