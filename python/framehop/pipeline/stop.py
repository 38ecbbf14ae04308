"""Asking a running pipeline to end: once to drain, twice to end at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class StopSignal:
    """Readable (`fileno`) once requested, and `event` is set. Thread-safe.

    Safe in signal handlers as long as the main thread, which runs them, never waits on `event` itself: a handler that sets an
    event whose lock its own thread holds would wait for ever. `drain_s`: what the requests so far leave for the drain, None for
    what was configured.
    """

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._requests = 0
        self.drain_s: float | None = None
        self.event = threading.Event()
        self.interrupted = False  # by Ctrl-C

    def request(self, drain_s: float | None = None) -> None:
        """Drain, within `drain_s` if that is less than what was said before; a second time, end at once."""
        if drain_s is not None:
            self.drain_s = drain_s if self.drain_s is None else min(drain_s, self.drain_s)
        self._requests += 1
        if self._requests == 1:  # a handler that interrupts the first call does not meet the event's lock again
            self.event.set()
        self.wake()

    def wake(self) -> None:
        """Make `fileno` readable without asking for anything."""
        if self._fd >= 0:
            os.eventfd_write(self._fd, 1)

    @property
    def requested(self) -> bool:
        return self._requests > 0

    @property
    def at_once(self) -> bool:
        """Asked for a second time: do not wait for anything."""
        return self._requests > 1

    def fileno(self) -> int:
        return self._fd

    def clear_wake(self) -> None:
        """Make `fileno` unreadable until the next request."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> StopSignal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@contextlib.contextmanager
def stop_on_signals(also: Callable[[], None] = lambda: None) -> Iterator[StopSignal]:
    """SIGINT and SIGTERM request a stop while inside, and call `also`; the handlers before are put back. Main thread only."""
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
