"""Looks at the log for how far a group is behind."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from framehop.budgets import LOG_LOOK_CLOSE_S
from framehop.errors import FramehopError, text_of
from framehop.types import PartitionLag

logger = logging.getLogger(__name__)

FRESH_S = 1.0


class LagLook:
    """Asks the log how far the group is behind, in a thread of its own, so that nobody waits for a missing broker. It asks only
    when `latest` is called, which any thread may do."""

    def __init__(self, look: Callable[[], list[PartitionLag]]) -> None:
        self._look = look
        self._changed = threading.Condition()
        self._wanted = self._closed = False
        self._lag: list[PartitionLag] = []
        self._at_s: float | None = None
        self._error = ""
        self._thread = threading.Thread(target=self._run, name="framehop-lag", daemon=True)
        self._thread.start()

    def latest(self, patience_s: float) -> tuple[list[PartitionLag], float | None, str]:
        """Return the newest lag, how many seconds ago it was read, and why there is none newer. Waits up to `patience_s` for a
        fresh one."""
        with self._changed:
            if not self._is_fresh():
                self._wanted = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._wanted or self._closed, patience_s)
            age_s = None if self._at_s is None else time.monotonic() - self._at_s
            late = "the log has not answered yet" if self._wanted else ""
            return self._lag, age_s, self._error or late

    def _is_fresh(self) -> bool:
        return self._at_s is not None and time.monotonic() - self._at_s < FRESH_S and not self._error

    def _run(self) -> None:
        while self._wait():
            found, error = None, ""
            try:
                found = self._look()
            except FramehopError as raised:
                error = str(raised)
            except Exception as raised:  # one fault must not end the thread, or nobody would hear of it
                logger.exception("the log could not be asked how far the group is behind")
                error = text_of(raised)
            with self._changed:
                if found is not None:
                    self._lag, self._at_s = found, time.monotonic()
                self._error, self._wanted = error, False
                self._changed.notify_all()

    def _wait(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closed)
            return not self._closed

    def close(self) -> None:
        """End the thread, but do not wait longer than LOG_LOOK_CLOSE_S for a look under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(LOG_LOOK_CLOSE_S)
