"""Decides when a source that is away is tried again, and when that is said."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from framehop.errors import SourceAwayError
from framehop.pipeline.ingest.pacing import Clock
from framehop.timing import Reminder

logger = logging.getLogger(__name__)

FIRST_S, MOST_S = 1.0, 60.0
PATIENT_S = 30.0  # the least where trying soon would not help: a wrong password may also lock the user out
STEADY_S = 30.0  # a connection that has lasted so long was a good one: the next failure is a first one again

Uniform = Callable[[float, float], float]


class Retrying:
    """Doubles the longest wait with each failure, and waits for a random part of it, so that the cameras of a switch that comes
    back do not all come at once. A reason is said when it is new, then at intervals that double. Use from one thread."""

    def __init__(self, stream: str, clock: Clock, uniform: Uniform = random.uniform) -> None:
        self._stream = stream
        self._clock = clock
        self._uniform = uniform
        self._failures = 0
        self._away_s: float | None = None  # since when
        self._back_s: float | None = None
        self._reminder = Reminder()

    def failed(self, error: SourceAwayError) -> float:
        """Note a failure; return how many seconds to wait."""
        now_s = self._clock.monotonic()
        if self._back_s is not None and now_s - self._back_s >= STEADY_S:
            self._failures = 0
        self._back_s = None
        self._away_s = now_s if self._away_s is None else self._away_s
        self._failures += 1
        most_s = min(MOST_S, FIRST_S * 2.0 ** min(self._failures, 16))
        least_s, most_s = (PATIENT_S, MOST_S) if error.patient else (FIRST_S, most_s)
        wait_s = self._uniform(least_s, most_s)
        if self._reminder.due(str(error), now_s):
            logger.warning("stream %s: %s; next try in %.0f s", self._stream, error, wait_s)
        return wait_s

    def came(self) -> bool:
        """Note that a picture came; return whether it is the first one after a failure."""
        if self._back_s is not None:
            return False
        self._back_s = self._clock.monotonic()
        if self._away_s is None:
            return False
        logger.warning("stream %s: back after %.0f s", self._stream, self._back_s - self._away_s)
        self._away_s = None
        self._reminder.over()
        return True
