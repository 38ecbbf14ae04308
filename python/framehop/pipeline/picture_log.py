"""A log that is open for its pictures alone, so that closing it ends a read under way."""

from __future__ import annotations

import os
from typing import Self

from framehop.log import LogAt
from framehop.sinks.pictures import Pictures
from framehop.sinks.seen import Seen
from framehop.types import Event


class PictureLog:
    """Reads events' pictures from a log of its own. Use from one thread at a time; `close` may be called from any."""

    def __init__(self, at: LogAt) -> None:
        """Opens the log. Raises LogError."""
        self._pid = os.getpid()
        self._log = at.open(create=False)
        self._pictures = Pictures(self._log)

    def seen(self, event: Event) -> Seen:
        """Return the event with its picture. Raises LogError, and ClosedError once it is closed."""
        return self._pictures.seen(event)

    def close(self) -> None:
        """Close the log; what another thread reads meanwhile ends with ClosedError. Closing twice is harmless, and a forked child
        leaves the log to its parent."""
        if os.getpid() == self._pid:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
