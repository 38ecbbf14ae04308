"""Ends the pipelines that still run when the interpreter exits, but not those that a fork inherited."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import Protocol

from framehop.timing import Deadline

DRAIN_S = 2.0  # frames not done by then are not lost: the next start goes on with them
JOIN_S = 6.0


class Living(Protocol):
    before_end: Callable[[], None]

    def request_stop(self, drain_s: float | None = None) -> None: ...
    def join(self, timeout_s: float) -> bool: ...


_living: set[Living] = set()


def register(what: Living) -> None:
    """End `what` before the interpreter exits, unless `forget` is called first. Its threads must be daemons: Python waits for all
    others, and would wait for ever for a pipeline that nobody stops."""
    _living.add(what)


def forget(what: Living) -> None:
    _living.discard(what)


def _end_all() -> None:
    ending = list(_living)
    for what in ending:
        what.request_stop(DRAIN_S)
    deadline = Deadline.after(DRAIN_S + JOIN_S)
    for what in ending:
        what.before_end()
        what.join(deadline.remaining_s)


atexit.register(_end_all)
os.register_at_fork(after_in_child=_living.clear)
