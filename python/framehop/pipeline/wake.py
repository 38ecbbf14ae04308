"""A bell that a thread rings to wake another that waits on file descriptors."""

from __future__ import annotations

import os
from contextlib import suppress


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
        with suppress(OSError):
            os.eventfd_write(self._fd, 1)

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
