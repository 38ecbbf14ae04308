"""Ranges of whole numbers with both ends included, which hold millions of seqs or offsets in a few words of memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Return the same numbers in as few ranges as possible, in order; empty ranges vanish."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if last < first:
            continue
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def without(ranges: Iterable[Range], taken: Sequence[Range]) -> Iterator[Range]:
    """Yield the parts of `ranges` that are not in `taken`. Both must be as `merged` returns them."""
    at = 0
    for first, last in ranges:
        rest = first
        while at < len(taken) and taken[at][1] < first:
            at += 1
        ahead = at
        while ahead < len(taken) and taken[ahead][0] <= last:
            if rest < taken[ahead][0]:
                yield rest, taken[ahead][0] - 1
            rest = taken[ahead][1] + 1
            ahead += 1
        if rest <= last:
            yield rest, last


def holds(ranges: Sequence[Range], number: int) -> bool:
    """Return whether `number` is in one of `ranges`, which must be as `merged` returns them."""
    at = bisect_right(ranges, number, key=lambda found: found[0]) - 1
    return at >= 0 and number <= ranges[at][1]


def size(ranges: Iterable[Range]) -> int:
    """Return how many numbers the ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def told(first: int, last: int) -> str:
    """Format a range for a sentence: `7`, or `7 to 9`."""
    return str(first) if first == last else f"{first} to {last}"
