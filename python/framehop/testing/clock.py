"""A clock that advances only when a test says so."""

from __future__ import annotations


class ManualClock:
    """A clock that starts at `start_us` (wall clock, microseconds since 1970) and second 0 (monotonic)."""

    def __init__(self, start_us: int = 1_700_000_000_000_000) -> None:
        self._start_us = start_us
        self._elapsed_s = 0.0

    def monotonic(self) -> float:
        return self._elapsed_s

    def now_us(self) -> int:
        return self._start_us + round(self._elapsed_s * 1_000_000)

    def event(self) -> ManualEvent:
        return ManualEvent(self)

    def advance(self, seconds: float) -> None:
        self._elapsed_s += seconds


class ManualEvent:
    """An event like `threading.Event` whose waits advance `clock` by the timeout instead. `waits`: the timeouts so far."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._set = False
        self.waits: list[float] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            assert timeout is not None, "waiting for ever on a manual clock"
            self.waits.append(timeout)
            self._clock.advance(timeout)
        return self._set
