"""Hands events to a callback while a pipeline runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

from framehop.pipeline.events import Events
from framehop.types import EventRecord


class Pump:
    """Calls back from a thread of its own, in the order of the log; the last call is over when `join` returns True. An exception
    from a call ends the pump and is kept in `failure`."""

    def __init__(self, events: Events, call: Callable[[EventRecord], None], on_failure: Callable[[], None]) -> None:
        self._events = events
        self._call = call
        self._on_failure = on_failure
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="framehop-events", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while (record := self._next()) is not None:
                self._call(record)
        except BaseException as error:  # noqa: BLE001  the pipeline raises it
            self.failure = error
            self._on_failure()
        finally:
            self._events.close()

    def _next(self) -> EventRecord | None:
        try:
            return self._events.next_record()
        except StopIteration:
            return None

    @property
    def is_current(self) -> bool:
        return threading.current_thread() is self._thread

    def join(self, timeout_s: float | None) -> bool:
        """Wait for the end of the last call; False when the time is up, and when called from the pump's own thread."""
        if self.is_current:
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()
