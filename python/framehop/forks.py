"""Keep a forked child from what is its parent's: it closes descriptors whose closing tells others that the parent is dead, and what
works in the parent alone refuses to work in it.

Every descriptor of ours closes on exec, but a child made by os.fork or multiprocessing's `fork` never calls exec.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet

from framehop.errors import ProcessError


class Abandoned(Protocol):
    """Something that belongs to one process alone."""

    def abandon(self) -> None:
        """Close a forked child's copies of the descriptors, and touch nothing that belongs to the parent. It takes no lock, since
        the thread that holds the lock may not exist in the child."""


class Home:
    """The process in which something was made."""

    __slots__ = ("_pid",)

    def __init__(self) -> None:
        self._pid = os.getpid()

    @property
    def left(self) -> bool:
        """Whether this is a child that the process has forked."""
        return os.getpid() != self._pid

    def check(self, what: str) -> None:
        """Raise ProcessError in a child. `what`: its name and its verb, for the message."""
        if self.left:
            raise ProcessError(
                f"{what} of process {self._pid}, of which this one is a fork: open what this one uses after the fork only, "
                "or start it by spawn"
            )


class HomeLock:
    """A lock of the process in which it was made. To a child it is refused: the thread that held it at the fork is not there."""

    __slots__ = ("_home", "_what", "lock")

    def __init__(self, what: str) -> None:
        """`what`: as for `Home.check`, of that which the lock guards. `lock` is for conditions."""
        self._home, self._what = Home(), what
        self.lock = threading.Lock()

    @property
    def left(self) -> bool:
        """Whether this is a child that the process has forked."""
        return self._home.left

    def check(self) -> None:
        """Raise ProcessError in a child."""
        self._home.check(self._what)

    def __enter__(self) -> None:
        self._home.check(self._what)
        self.lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self.lock.release()


_lock = threading.Lock()
_known: WeakSet[Abandoned] = WeakSet()


def abandon_in_children(what: Abandoned) -> None:
    """Abandon `what` in every child that this process forks while `what` lives."""
    with _lock:
        _known.add(what)


def _abandon_all() -> None:
    global _lock  # noqa: PLW0603  another thread may have held it at the fork
    _lock = threading.Lock()
    for what in list(_known):
        what.abandon()
    _known.clear()


os.register_at_fork(after_in_child=_abandon_all)
