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
        return f"{_three_digits(self.median)} ({_three_digits(self.lowest)}–{_three_digits(self.highest)})"


def _three_digits(value: float) -> str:
    """Return the number with at least three digits; thousands are not written as powers of ten."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(values: Iterable[float]) -> Spread:
    """Return the median and range of `values`, of which there is at least one."""
    taken = list(values)
    return Spread(median=round(statistics.median(taken), 4), lowest=round(min(taken), 4), highest=round(max(taken), 4))
