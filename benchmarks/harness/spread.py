"""Median and range: what is published of a figure that was taken several times."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

import msgspec


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.lowest:.3g}–{self.highest:.3g})"


def spread(values: Iterable[float]) -> Spread:
    """At least one value."""
    taken = list(values)
    return Spread(median=round(statistics.median(taken), 4), lowest=round(min(taken), 4), highest=round(max(taken), 4))
