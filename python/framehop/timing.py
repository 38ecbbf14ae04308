"""Clocks, deadlines, and how often a thing is said."""

from __future__ import annotations

import time
from dataclasses import dataclass


def now_us() -> int:
    """Return the wall clock in microseconds since 1970."""
    return time.time_ns() // 1000


LONGEST_WAIT_S = 2_000_000.0  # poll(2) has milliseconds in an int, and a lock of Python refuses infinity


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, passed down so that nested waits share one budget. None is further off than 23 days."""

    at_s: float

    @classmethod
    def after(cls, timeout_s: float) -> Deadline:
        return cls(time.monotonic() + min(timeout_s, LONGEST_WAIT_S))

    def later(self, seconds: float) -> Deadline:
        return Deadline(self.at_s + seconds)

    @property
    def remaining_s(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at_s - time.monotonic())

    @property
    def expired(self) -> bool:
        return time.monotonic() >= self.at_s


FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 3600.0  # between two messages of the same
APART = 8  # texts that are told apart: a hostile one may be another every time


@dataclass(slots=True)
class _Said:
    """A text that was said. `heard_s`: when it came last, said or not."""

    next_s: float
    pause_s: float
    heard_s: float


class Reminder:
    """Decides when something that lasts is said: at once when it is new, then after one minute, two, four, up to an hour. Each text
    counts for itself until it has not come for an hour; all that come while APART are known count as one. Use from one thread."""

    def __init__(self) -> None:
        self._said: dict[str | None, _Said] = {}  # None: all that are not told apart

    def due(self, what: str, now_s: float) -> bool:
        """Return whether to say `what` now, which then counts as said. `now_s`: of a monotonic clock."""
        self._forget(now_s)
        key = what if what in self._said or len(self._said) < APART else None
        said = self._said.setdefault(key, _Said(now_s, FIRST_PAUSE_S / 2, now_s))
        said.heard_s = now_s
        if now_s < said.next_s:
            return False
        said.pause_s = min(LONGEST_PAUSE_S, 2 * said.pause_s)
        said.next_s = now_s + said.pause_s
        return True

    def _forget(self, now_s: float) -> None:
        for key in [key for key, said in self._said.items() if now_s - said.heard_s > LONGEST_PAUSE_S]:
            del self._said[key]

    def over(self) -> None:
        """Note that it lasts no longer: should it come again, it is new."""
        self._said.clear()
