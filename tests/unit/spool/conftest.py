"""A log in memory, and what a spool sees of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from framehop.testing.memory_log import MemoryLog
from tests.spools import MemoryBehind


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    with MemoryLog() as opened:
        yield opened


@pytest.fixture
def behind(log: MemoryLog) -> MemoryBehind:
    return MemoryBehind(log)
