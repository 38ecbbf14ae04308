"""The request to a running pipeline to end: made once it drains the pipeline, made twice it ends it at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from framehop.pipeline.wake import Wake


class StopSignal:
    """A stop request, which sets `event` and makes `fileno` readable. Thread-safe.

    Safe in signal handlers as long as the main thread, which runs them, never waits on `event` itself: a handler that sets an
    event whose lock its own thread holds would wait for ever. `drain_s`: the shortest time for the drain that a request named;
    None means the configured one.
    """

    def __init__(self) -> None:
        self._wake = Wake()
        self._requests = 0
        self.drain_s: float | None = None
        self.event = threading.Event()
        self.interrupted = False  # whether Ctrl-C was pressed

    def request(self, drain_s: float | None = None) -> None:
        """Ask for a drain within `drain_s`, which can only shorten an earlier one; the second time, ask for the end at once."""
        if drain_s is not None:
            self.drain_s = drain_s if self.drain_s is None else min(drain_s, self.drain_s)
        self._requests += 1
        if self._requests == 1:  # a handler that interrupts the first call must not take the event's lock again
            self.event.set()
        self.wake()

    def wake(self) -> None:
        """Make `fileno` readable without asking for anything."""
        self._wake.ring()

    @property
    def requested(self) -> bool:
        return self._requests > 0

    @property
    def at_once(self) -> bool:
        """Whether the end was asked for a second time: do not wait for anything."""
        return self._requests > 1

    def fileno(self) -> int:
        return self._wake.fileno()

    def clear_wake(self) -> None:
        """Make `fileno` unreadable until the next request."""
        self._wake.clear()

    def close(self) -> None:
        self._wake.close()

    def __enter__(self) -> StopSignal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@contextlib.contextmanager
def stop_on_signals(also: Callable[[], None] = lambda: None) -> Iterator[StopSignal]:
    """Let SIGINT and SIGTERM request a stop and call `also` while inside, then restore the handlers. Main thread only."""
    with StopSignal() as stop:

        def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            stop.interrupted = stop.interrupted or number == signal.SIGINT
            stop.request()
            also()

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield stop
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
