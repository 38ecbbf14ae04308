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

    @property
    def remaining_s(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at_s - time.monotonic())

    @property
    def expired(self) -> bool:
        return time.monotonic() >= self.at_s


FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 3600.0  # between two messages of the same


class Reminder:
    """Decides when something that lasts is said: at once when it is new, then after one minute, two, four, up to an hour. Use from
    one thread."""

    def __init__(self) -> None:
        self._said: str | None = None
        self._next_s = 0.0
        self._pause_s = FIRST_PAUSE_S

    def due(self, what: str, now_s: float) -> bool:
        """Return whether to say `what` now, which then counts as said. `now_s`: of a monotonic clock."""
        again = what == self._said
        if again and now_s < self._next_s:
            return False
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s) if again else FIRST_PAUSE_S
        self._said, self._next_s = what, now_s + self._pause_s
        return True

    def over(self) -> None:
        """Note that it lasts no longer: should it come again, it is new."""
        self._said = None
