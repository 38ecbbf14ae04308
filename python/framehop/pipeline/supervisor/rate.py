"""The rate at which a pipeline writes events."""

from __future__ import annotations

import threading
from collections import deque

RATE_S = 10.0
STEP_S = 0.25


class Rate:
    """Events per second, over the last ten seconds. One thread calls `note`; any may read."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()

    def note(self, now_s: float, events: int) -> None:
        with self._lock:
            if self._seen and now_s - self._seen[-1][0] < STEP_S:
                return
            self._seen.append((now_s, events))
            while self._seen[-1][0] - self._seen[0][0] > RATE_S:
                self._seen.popleft()

    @property
    def per_s(self) -> float:
        with self._lock:
            if len(self._seen) < 2:
                return 0.0
            (first_s, before), (last_s, after) = self._seen[0], self._seen[-1]
            return (after - before) / max(last_s - first_s, 1e-3)
