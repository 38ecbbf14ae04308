"""Waits on file descriptors, and a bell that a thread rings to wake another that waits."""

from __future__ import annotations

import math
import os
import select
from collections.abc import Iterable
from contextlib import suppress


def readable(fds: Iterable[int], timeout_s: float) -> set[int]:
    """Wait up to `timeout_s` seconds until one of `fds` is readable or hung up, and return those that are. Unlike select(2) this
    takes descriptors of any number, and there may be thousands."""
    return _ready(fds, select.POLLIN, timeout_s)


def wait_writable(fd: int, timeout_s: float) -> None:
    """Wait up to `timeout_s` seconds until `fd` can be written to or its other side is gone."""
    _ready([fd], select.POLLOUT, timeout_s)


def _ready(fds: Iterable[int], event: int, timeout_s: float) -> set[int]:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, event)
    return {fd for fd, _ in poll.poll(math.ceil(timeout_s * 1000))}


class _Eventfd:
    """An eventfd that is closed when nobody holds this object any more."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __del__(self) -> None:
        if (fd := getattr(self, "fd", -1)) >= 0:  # there is none where no descriptor was left
            os.close(fd)


class Wake:
    """An eventfd. `ring` may be called from any thread and in a signal handler; `clear` and `close` belong to the one that waits.
    `fileno` is readable from a `ring` until the next `clear`. If it is never closed, the garbage collector closes it."""

    def __init__(self) -> None:
        self._eventfd: _Eventfd | None = _Eventfd()

    def fileno(self) -> int:
        """The descriptor to wait on; -1 once closed."""
        return self._eventfd.fd if self._eventfd else -1

    def ring(self) -> None:
        """Make the descriptor readable. After `close` there is nobody to wake, and nothing happens."""
        # Held, so that a close meanwhile does not give the number to another file. A lock would not do in a signal handler.
        held = self._eventfd
        if held is not None:
            with suppress(OSError):
                os.eventfd_write(held.fd, 1)

    def clear(self) -> None:
        """Make the descriptor unreadable again. Once closed there is nothing to clear."""
        held = self._eventfd
        if held is not None:
            with suppress(BlockingIOError):
                os.eventfd_read(held.fd)

    def close(self) -> None:
        """Twice is harmless."""
        self._eventfd = None
