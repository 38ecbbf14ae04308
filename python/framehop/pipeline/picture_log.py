"""A log that is open for its pictures alone, so that closing it ends a read under way; where its pipeline is on this host, many are
taken from there."""

from __future__ import annotations

import os
from typing import Self

from framehop.log import LogAt
from framehop.pipeline.taps.live_tap import LiveTap
from framehop.sinks.pictures import Pictures
from framehop.sinks.seen import Seen
from framehop.types import Event


class PictureLog:
    """Reads events' pictures from a log of its own, but for those that a tap has. Use from one thread at a time; `close` may be
    called from any."""

    def __init__(self, at: LogAt) -> None:
        """Opens the log. Raises LogError."""
        self._pid = os.getpid()
        self._log = at.open(create=False)
        self._pictures = Pictures(self._log)
        self._tap = LiveTap(at)

    def seen(self, event: Event) -> Seen:
        """Return the event with its picture. Raises LogError, and ClosedError once it is closed."""
        picture = self._tap.take(event)
        return self._pictures.seen(event) if picture is None else Seen(event, picture)

    def close(self) -> None:
        """Close the log; what another thread reads meanwhile ends with ClosedError. Closing twice is harmless, and a forked child
        leaves the log to its parent."""
        if os.getpid() == self._pid:
            self._tap.close()
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
