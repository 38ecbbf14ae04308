"""Waits for the first key frame of a connection, before which nothing can be decoded."""

from __future__ import annotations

import logging
import time

from framehop.budgets import GROUP_S
from framehop.errors import SourceAwayError
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.makers import TOO_EARLY

logger = logging.getLogger(__name__)

# Some cameras send key frames a minute apart, and a little more, where nothing moves; they begin a connection in between.
FIRST_KEY_S = 2 * GROUP_S
LATE_S = 10.0  # when it is said: most cameras send one at least every few seconds


class FirstKey:
    """The wait for the first key frame. Use from one thread."""

    def __init__(self, how: Connecting) -> None:
        self._how = how
        self._since_s = time.monotonic()

    def passed_over(self) -> None:
        """Count a picture that came before it. Raises SourceAwayError when it has been waited for too long."""
        self._how.losses.add(TOO_EARLY)
        waited_s = time.monotonic() - self._since_s
        if waited_s > FIRST_KEY_S:
            raise SourceAwayError(f"{self._how.name} has sent no key frame for {FIRST_KEY_S:.0f} s", patient=True)
        if waited_s > LATE_S and "late" not in self._how.said:
            self._how.said.add("late")
            logger.warning(
                "%s sends pictures, and no key frame for %.0f s, with which decoding begins: waiting for one; a shorter interval "
                "of key frames (GOP) in the camera's settings begins sooner",
                self._how.name,
                LATE_S,
            )
