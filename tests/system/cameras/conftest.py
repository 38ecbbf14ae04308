from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop.protocols import FrameLog
from framehop.testing.memory_log import MemoryLog
from tests.clips import write_film
from tests.system.cameras.following import SECOND


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 40 seconds."""
    return write_film(tmp_path_factory.mktemp("clips") / "clip.mp4", 1000, params=SECOND)


@pytest.fixture
def log() -> Iterator[FrameLog]:
    with MemoryLog() as opened:
        yield opened
