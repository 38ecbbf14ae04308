"""The protocol of one way to do a piece of work, so that all are measured by the same loop.

A trip is one round of the work: something goes to the far process, and its answer comes back. Work without a far process has trips
too: each is one repetition.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from framehop.errors import ProcessError

PATIENCE_S = 20.0

Trips = Callable[[int], Sequence[int]]
"""Makes so many trips; returns the nanoseconds that each took. The first call may wait until the far side is there."""
Answers = Callable[[int], None]
"""Answers so many trips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of doing a piece of work. `near` and `far` open what they need in a directory of their own, of mode 0700: `near` in
    the process that is timed, before any far process starts; `far` in each of the `readers` others, with its number."""

    near: Callable[[Path], AbstractContextManager[Trips]]
    far: Callable[[Path, int], AbstractContextManager[Answers]] | None = None
    readers: int = 1


def timed(trip: Callable[[], None]) -> Trips:
    """Return what makes trips by calling `trip` for each."""

    def trips(count: int) -> list[int]:
        taken = []
        for _ in range(count):
            began = time.perf_counter_ns()
            trip()
            taken.append(time.perf_counter_ns() - began)
        return taken

    return trips


def repeated(answer: Callable[[], None]) -> Answers:
    """Return what answers trips by calling `answer` for each."""

    def answers(count: int) -> None:
        for _ in range(count):
            answer()

    return answers


class SlotTrips:
    """Trips that send from slots, and what they tell of copies. `trip`: makes one, and returns whether what was sent still lay in
    its slot when the sender's call had returned."""

    def __init__(self, trip: Callable[[], bool]) -> None:
        self._trip = trip
        self._seen_in_slot = False

    def __call__(self, count: int) -> Sequence[int]:
        """Make so many, as all `Trips` do."""
        return timed(self._one)(count)

    def _one(self) -> None:
        self._seen_in_slot |= self._trip()

    @property
    def copies(self) -> int:
        """The number of times that each picture was copied in the process at least. One message that was seen in its slot proves
        that there are no copies; a copy is never seen there."""
        return 0 if self._seen_in_slot else 1


def until(done: Callable[[], object], what: str, *, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Call `done` until it returns something true, and `meanwhile` in between. One of the two waits by itself. Raises ProcessError
    when the time is up."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > deadline_s:
            raise ProcessError(
                f"the other process of the measurement did not do its part within {PATIENCE_S:.0f} s: {what}"
            )
        meanwhile()
