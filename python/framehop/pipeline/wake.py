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


class Wake:
    """An eventfd. `ring` may be called from any thread and in a signal handler; `clear` and `close` belong to the one that waits.
    `fileno` is readable from a `ring` until the next `clear`. Whoever never closes it leaves that to the garbage collector."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor to wait on; -1 once closed."""
        return self._fd

    def ring(self) -> None:
        """Make the descriptor readable. After `close` there is nobody to wake, and nothing happens."""
        fd = self._fd
        if fd >= 0:  # an error otherwise, and none of OSError's
            with suppress(OSError):
                os.eventfd_write(fd, 1)

    def clear(self) -> None:
        """Make the descriptor unreadable again."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def close(self) -> None:
        """Twice is harmless."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()
