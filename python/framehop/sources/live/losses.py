"""Counts what a live source showed and what becomes no frame, by reason."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from framehop.account import LeftOut


class Losses:
    """Counters that only rise, over all connections of a source. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, reason: str, count: int = 1) -> None:
        """Count. `reason`: one of a few texts, which continues "left out, "."""
        with self._lock:
            self._counts[reason] += count

    @property
    def so_far(self) -> Sequence[LeftOut]:
        with self._lock:
            return [LeftOut(reason=reason, count=count) for reason, count in self._counts.items()]
