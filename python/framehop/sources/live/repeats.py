"""Leaves out what a playlist gives again: each connection to a live one begins with its last segments, which an earlier connection
may have given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from framehop.sources.live.epoch import Moment
from framehop.sources.live.losses import Losses
from framehop.sources.live.makers import Made

REPEATED = "pictures that the playlist had given before"
MOST_GROUPS = 2048  # three segments of ten seconds, at 60 pictures a second that each are a group of its own, have 1800
MOST_HELD = 8 << 20  # bytes

_Timed = tuple[Made, Moment]
_Key = tuple[int, int, int]


@dataclass(slots=True)
class Given:
    """The groups of pictures that the connections to one source have given: by the key frame of each, how many pictures. For one
    connection at a time."""

    counts: dict[_Key, int] = field(default_factory=dict)

    def begin(self, key: _Key) -> None:
        """Note that a group begins anew, though it may be equal to one of before, as in a film that is played in a loop."""
        self.counts.pop(key, None)

    def note(self, key: _Key, count: int) -> None:
        """Note that a group has come to `count` pictures. Only the last groups are kept."""
        self.counts[key] = max(count, self.counts.get(key, 0))
        if len(self.counts) > MOST_GROUPS:
            del self.counts[next(iter(self.counts))]


class Repeats:
    """Judges the pictures of one connection. A group goes on in the log only behind its key frame, so it is left out as a whole or
    not at all: the last group that came before may have been cut short, and is held back until it has more than it had."""

    def __init__(self, given: Given, losses: Losses) -> None:
        self._given = given
        self._losses = losses
        self._before = dict(given.counts)
        self._last = next(reversed(self._before), None)
        self._held: list[_Timed] = []

    def without(self, found: Iterator[_Timed]) -> Iterator[_Timed]:
        """Pass on the pictures that no earlier connection has given, and count the others."""
        try:
            yield from self._judged(found)
        finally:
            self._drop()

    def _judged(self, found: Iterator[_Timed]) -> Iterator[_Timed]:
        key: _Key | None = None
        had, count = 0, 0
        for timed in found:
            if timed[0].keyframe:
                self._drop()
                key, count = _key_of(timed[0]), 0
                had = self._had(key) if key else 0
            count += 1
            if key:
                self._given.note(key, count)
            if had and key != self._last:
                self._losses.add(REPEATED)
            elif count <= had and self._fits(timed[0]):
                self._held.append(timed)
            else:
                had = 0
                yield from self._released()
                yield timed

    def _had(self, key: _Key) -> int:
        """Return how many pictures of this group had come before; 0 for a new one. What follows the last of before is all new."""
        had = self._before.pop(key, 0)
        if not had:
            self._given.begin(key)
        if key == self._last:
            self._before.clear()
        return had

    def _fits(self, made: Made) -> bool:
        return sum(len(held.payload) for held, _ in self._held) + len(made.payload) <= MOST_HELD

    def _released(self) -> list[_Timed]:
        held, self._held = self._held, []
        return held

    def _drop(self) -> None:
        if held := self._released():
            self._losses.add(REPEATED, len(held))


def _key_of(made: Made) -> _Key | None:
    """Return what tells a key frame from any other; None if its time stamp is not known."""
    return None if made.pts is None else (made.pts, len(made.payload), hash(made.payload))
