"""A limit on bytes per second."""

from __future__ import annotations

import time

BURST_S = 0.5  # how much of the limit may go at once after a pause


class Allowance:
    """Lets so many bytes pass per second, one frame at least. `rate` None: everything. Use from one thread."""

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._left = 0.0
        self._at_s = time.monotonic()

    def take(self, size: int) -> bool:
        """Whether so many bytes may pass now; they count if they may."""
        if self._rate is None:
            return True
        now_s = time.monotonic()
        self._left = min(self._rate * BURST_S, self._left + self._rate * (now_s - self._at_s))
        self._at_s = now_s
        if self._left <= 0:
            return False
        self._left -= size  # a frame larger than what is left is paid for by those behind it
        return True
