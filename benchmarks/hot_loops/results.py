"""The counts as they are kept, and what they say beside others."""

from __future__ import annotations

import msgspec

TOLERANCE = 0.02  # more than this above the kept count is a change for the worse


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions of one turn, by loop. `compiler`, `libjpeg`, `processor`: what decides them beside our sources."""

    benchmark: str = "instructions"
    compiler: str
    libjpeg: str
    processor: str
    commit: str
    counts: dict[str, int]


def comparable(kept: Counts, now: Counts) -> bool:
    """Return whether a difference is ours."""
    return (kept.compiler, kept.libjpeg, kept.processor) == (now.compiler, now.libjpeg, now.processor)


def worse(kept: Counts, now: Counts) -> list[str]:
    """Return the loops that take more instructions than those kept, beyond the tolerance."""
    return [name for name, count in now.counts.items() if count > kept.counts.get(name, count) * (1 + TOLERANCE)]


def table(kept: Counts | None, now: Counts) -> str:
    """Return a table of both."""
    before = kept.counts if kept else {}
    rows = [_row(name, count, before.get(name)) for name, count in sorted(now.counts.items())]
    gone = [f"| {name} | gone | {count:,} | |" for name, count in sorted(before.items()) if name not in now.counts]
    return "\n".join(["| loop | instructions | kept | ratio |", "| --- | --- | --- | --- |", *rows, *gone])


def _row(name: str, count: int, before: int | None) -> str:
    return f"| {name} | {count:,} | {f'{before:,}' if before else ''} | {f'{count / before:.3f}' if before else ''} |"
