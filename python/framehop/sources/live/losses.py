"""Counts what a live source showed and what becomes no frame, by reason."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from framehop.account import LeftOut
from framehop.sources.left_out import Tally


class Losses:
    """Counters that only rise, over all connections of a source. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tally = Tally()

    def add(self, reason: str, count: int = 1, *, name: str = "") -> None:
        """Count. `reason`: one of a few texts, which continues "left out, ". `name`: of what is left out, if it has one."""
        with self._lock:
            self._tally.add(reason, name, count)

    @property
    def so_far(self) -> Sequence[LeftOut]:
        with self._lock:
            return self._tally.so_far
