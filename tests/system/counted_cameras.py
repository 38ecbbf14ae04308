"""Cameras with a known count of pictures."""

from __future__ import annotations

from tests.system.harness import pictures_of

COUNT = 100
DELIVERIES = ["at-least-once", "exactly-once"]


def cameras(count: int = COUNT, streams: int = 4) -> list[str]:
    return [f"cam-{i}=testsrc:?size=320x240&count={count}" for i in range(streams)]


def pictures(count: int = COUNT, streams: int = 4) -> dict[str, list[int]]:
    crcs = pictures_of(cameras(count)[0])
    assert len(crcs) == count
    return {f"cam-{i}": crcs for i in range(streams)}
