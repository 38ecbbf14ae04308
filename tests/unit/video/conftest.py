"""A ring, a decoder of films, and one who watches what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framehop import _core
from framehop.decode import DecodeJob
from tests.films import Watcher, taker
from tests.unit.video.decoding import OPTIONS, WHOLE, Decode

if TYPE_CHECKING:
    from framehop.decode.video import VideoFrames


@pytest.fixture
def ring(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[_core.Ring]:
    """A ring whose slots have room for a whole picture, or as many bytes as a test asks for."""
    with _core.Ring.create(str(tmp_path / "ring"), slots=4, slot_bytes=getattr(request, "param", WHOLE)) as ring:
        yield ring


@pytest.fixture
def watcher(ring: _core.Ring) -> Iterator[Watcher]:
    with _core.RingReader.attach(ring.path, role="detector") as reader:
        yield Watcher(ring, reader)


@pytest.fixture
def frames() -> Iterator[VideoFrames]:
    from framehop.decode.video import VideoFrames  # a build without video has none, and skips these tests

    frames = VideoFrames(OPTIONS)
    yield frames
    frames.close()


@pytest.fixture
def decode(frames: VideoFrames, ring: _core.Ring, watcher: Watcher) -> Decode:
    """Decode jobs as an intake does, two at a time."""

    def decode(jobs: list[DecodeJob]) -> None:
        for begin in range(0, len(jobs), 2):
            watcher.watch(frames.decode(jobs[begin : begin + 2], taker(ring)))

    return decode
