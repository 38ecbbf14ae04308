"""Keeps the offsets of the events from which a stream's tracker follows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from framehop.tracking import KEPT_US

MOST_PLACES = 4096  # more are there only where frames come without end and their times stand still


@dataclass(slots=True)
class TrackedEvent:
    """The place of an event. `frame`: the offset of its frame. `at_us`: the tracker's time then. `looked`: whether its frame was
    looked at. `event`: its own offset, or one before it."""

    frame: int
    at_us: int
    looked: bool
    event: int


@dataclass(slots=True)
class TrackPlaces:
    """The places of a stream's events, in their order. `done`: of frames below the partition's mark, as far back as they matter
    there. `ahead`: of frames that are done while the mark waits for another stream; after a crash they are done again."""

    done: deque[TrackedEvent] = field(default_factory=deque)
    ahead: deque[TrackedEvent] = field(default_factory=deque)

    def note(self, place: TrackedEvent) -> None:
        """Note the next event."""
        self.ahead.append(place)

    def move(self, mark: int) -> None:
        """Follow the partition's mark, and forget what does not matter there any more."""
        while self.ahead and self.ahead[0].frame < mark:
            self._finish(self.ahead.popleft())

    def _finish(self, place: TrackedEvent) -> None:
        if self.done and not (self.done[-1].looked or place.looked):
            self.done.pop()  # of frames that nobody looked at, the last one tells all
        self.done.append(place)
        while self.done[0].at_us < place.at_us - KEPT_US or len(self.done) > MOST_PLACES:
            self.done.popleft()

    def first(self, default: int) -> int:
        """Return the offset of the first event that matters; `default` if there is none."""
        found = self.done or self.ahead
        return found[0].event if found else default
