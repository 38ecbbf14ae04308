"""The options after a `?` in a source's name: `size=640x360&rate=25`."""

from __future__ import annotations

import math
import re

from framehop.errors import SourceError

MAX_SIDE = 8192  # larger than any camera's picture, small enough to hold one in RGB (200 MB)


class SourceQuery:
    """`KEY=VALUE&…` with known keys. Every getter checks the range; SourceError names the source, key and range."""

    def __init__(self, source: str, text: str, known: tuple[str, ...]) -> None:
        self._source = source
        self._values: dict[str, str] = {}
        for item in filter(None, text.split("&")):
            key, _, value = item.partition("=")
            if key not in known or key in self._values:
                raise self._refused(f"does not take {item!r}", f"options, each once: {', '.join(known)}")
            self._values[key] = value

    def _refused(self, what: str, advice: str) -> SourceError:
        return SourceError(f"source {self._source!r} {what}; {advice}")

    def whole(self, key: str, default: int | None, low: int, high: int) -> int | None:
        text = self._values.get(key)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise self._refused(f"has {key}={text!r}", f"give a whole number from {low} to {high}")
        return int(text)

    def number(self, key: str, default: float, low: float, high: float) -> float:
        text = self._values.get(key)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # this refuses NaN as well
            raise self._refused(f"has {key}={text!r}", f"give a number from {low:g} to {high:g}")
        return value

    def size(self, key: str) -> tuple[int, int] | None:
        """Return (width, height), each 16 to MAX_SIDE."""
        text = self._values.get(key)
        if text is None:
            return None
        match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
        size = (int(match[1]), int(match[2])) if match else (0, 0)
        if not all(16 <= side <= MAX_SIDE for side in size):
            raise self._refused(f"has {key}={text!r}", f"give WIDTHxHEIGHT, each from 16 to {MAX_SIDE}, as in 1280x720")
        return size
