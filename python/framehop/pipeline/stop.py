"""Asking a running pipeline to end: once to drain, twice to end at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopSignal:
    """Readable (`fileno`) once requested, and `event` is set. Thread-safe.

    Safe in signal handlers as long as the main thread, which runs them, never waits on `event` itself: a handler that sets an
    event whose lock its own thread holds would wait for ever.
    """

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._requests = 0
        self.event = threading.Event()
        self.interrupted = False  # by Ctrl-C

    def request(self) -> None:
        self._requests += 1
        self.event.set()
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

    def __enter__(self) -> StopSignal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopSignal]:
    """SIGINT and SIGTERM request a stop while inside; the handlers before are put back. Main thread only."""
    with StopSignal() as stop:

        def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            stop.interrupted = stop.interrupted or number == signal.SIGINT
            stop.request()

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield stop
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
