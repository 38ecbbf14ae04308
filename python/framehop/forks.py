"""What a forked child must not keep of its parent: descriptors whose closing tells somebody that the parent is dead.

Every descriptor of ours closes on exec, but a child made by os.fork or multiprocessing's `fork` never calls exec.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Abandoned(Protocol):
    """Something that a process holds for itself alone."""

    def abandon(self) -> None:
        """In a forked child: close our copies of the descriptors, and touch nothing that is the parent's. Takes no lock: the
        thread that holds it may not exist here."""


_lock = threading.Lock()
_known: WeakSet[Abandoned] = WeakSet()


def abandon_in_children(what: Abandoned) -> None:
    """Have `what` abandoned in every child that this process forks, for as long as it lives."""
    with _lock:
        _known.add(what)


def _abandon_all() -> None:
    global _lock  # noqa: PLW0603  another thread may have held it at the fork
    _lock = threading.Lock()
    for what in list(_known):
        what.abandon()
    _known.clear()


os.register_at_fork(after_in_child=_abandon_all)
