"""The writers, consumers and readers that were made from a log: they are closed with it."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Protocol, TypeVar, runtime_checkable

from framehop.errors import ClosedError
from framehop.forks import Home


class Handle(Protocol):
    """Something that a log has opened."""

    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...


@runtime_checkable
class Abandonable(Protocol):
    """A reader that, when an exception ends its use, does not count what it handed out last as read."""

    def abandon(self) -> None: ...


_H = TypeVar("_H", bound=Handle)


class Handles:
    """Keeps what a log at `url` has opened. Thread-safe. Refuses everything once it is closed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._open: list[Handle] = []
        self._closed = False
        self._home = Home()

    def check_open(self) -> None:
        """Raise ClosedError after `close`, and ProcessError in a child that this process forks."""
        self._home.check(f"the log {self._url} is")
        if self._closed:
            raise ClosedError(f"the log {self._url} is closed")

    def keep(self, handle: _H) -> _H:
        """Close `handle` with the log. Raises ClosedError, and closes it, when the log was closed meanwhile."""
        with self._lock:
            if not self._closed:
                self._open = [kept for kept in self._open if not kept.closed]
                self._open.append(handle)
                return handle
        handle.close()
        raise ClosedError(f"the log {self._url} is closed")

    def close(self, *, failed: bool = False) -> bool:
        """Close all of them, also where that fails for one; False when that was done before, and in a child that this process
        forks, where nothing is closed. `failed`: an exception ends the use of the log."""
        if self._home.left:
            return False
        with self._lock:
            if self._closed:
                return False
            self._closed = True
            handles, self._open = self._open, []
        with ExitStack() as closing:  # it begins with what comes last
            for handle in reversed(handles):
                closing.callback(handle.close)
                if failed and isinstance(handle, Abandonable):
                    closing.callback(handle.abandon)
        return True
