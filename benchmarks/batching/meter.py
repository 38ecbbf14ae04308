"""The clock of a run at full load: between two moments at which the pipeline is equally full."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.whole_worker.results import Measured


class _Mark(NamedTuple):
    pictures: int
    at_s: float
    cpu_s: dict[str, float]


class Meter:
    """Measures from the moment by which `lead` pictures are done to the one by which `measured` more are. Thread-safe."""

    def __init__(self, lead: int, measured: int, cpu_s: Callable[[], dict[str, float]]) -> None:
        """`cpu_s`: CPU seconds so far, by process."""
        self._lead, self._measured, self._cpu_s = lead, measured, cpu_s
        self._lock = threading.Lock()
        self._pictures = 0
        self._first: _Mark | None = None
        self._last: _Mark | None = None

    def done(self, pictures: int) -> None:
        """Count pictures that are done now."""
        with self._lock:
            self._pictures += pictures
            if self._first is None:
                if self._pictures >= self._lead:
                    self._first = self._mark()
            elif self._last is None and self._pictures >= self._first.pictures + self._measured:
                self._last = self._mark()

    @property
    def over(self) -> bool:
        return self._last is not None

    def result(self) -> Measured:
        """Return what was measured, once it is over."""
        first, last = self._first, self._last
        assert first is not None
        assert last is not None
        return Measured(
            frames=last.pictures - first.pictures,
            wall_s=last.at_s - first.at_s,
            cpu_s={name: used - first.cpu_s[name] for name, used in last.cpu_s.items()},
        )

    def _mark(self) -> _Mark:
        return _Mark(self._pictures, time.perf_counter(), self._cpu_s())
