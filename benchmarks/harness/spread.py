"""Median and range, by the same code that `framehop bench` has."""

from framehop.bench.spread import Spread, spread

__all__ = ["Spread", "spread"]
