"""The sign of life that a process gives while it works."""

from __future__ import annotations

import time
from collections.abc import Callable

from framehop.budgets import BEAT_S
from framehop.pipeline.control import Beat, Channel


class Pulse:
    """Sends a beat when one is due. Call `beat` more often than once a second: between two runs of a network, too, as one picture
    in tiles may take longer than a process may be silent."""

    def __init__(self, channel: Channel, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._channel = channel
        self._clock = clock
        self._next_s = 0.0

    def beat(self) -> float:
        """Send a beat if it is due; return the seconds until the next is."""
        now = self._clock()
        if now >= self._next_s:
            self._channel.send(Beat())
            self._next_s = now + BEAT_S
        return self._next_s - now
