"""The stores that must keep the FrameLog contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop.log import LogOptions, open_log
from framehop.protocols import FrameLog
from framehop.testing.memory_log import MemoryLog

QUEUE_BYTES = 1 << 20


def _embedded(tmp_path: Path) -> FrameLog:
    # Nobody is to be taken for dead here, however slow the machine.
    options = LogOptions(partitions=8, queue_bytes=QUEUE_BYTES, session_timeout_s=20.0, reserve_bytes=0)
    return open_log(tmp_path / "log", options=options)


def _memory(_tmp_path: Path) -> FrameLog:
    return MemoryLog(partitions=8, queue_bytes=QUEUE_BYTES)


_STORES = {"embedded": _embedded, "memory": _memory}


@pytest.fixture(params=_STORES)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FrameLog]:
    with _STORES[request.param](tmp_path) as opened:
        yield opened
