"""Tests of the look at how far a group is behind."""

from __future__ import annotations

from framehop.errors import LogUnavailableError
from framehop.pipeline.supervisor.lag_look import LagLook
from framehop.types import PartitionLag

PATIENCE_S = 60.0


def test_a_look_that_fails_says_why_and_the_next_is_taken() -> None:
    failures = [LogUnavailableError("no broker answers"), ValueError("a fault of ours"), MemoryError()]

    def look() -> list[PartitionLag]:
        if failures:
            raise failures.pop(0)
        return []

    lag = LagLook(look)
    said = [lag.latest(PATIENCE_S) for _ in range(4)]
    lag.close()
    assert [error for _, _, error in said] == ["no broker answers", "a fault of ours", "MemoryError", ""]
    assert [age_s is None for _, age_s, _ in said] == [True, True, True, False]
