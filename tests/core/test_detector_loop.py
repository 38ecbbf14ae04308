"""The detector's loop between real sockets and rings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop._core import HopClient, HopServer
from framehop.errors import FramehopError
from framehop.pipeline.detector.detector_loop import DetectorLoop
from framehop.testing.fake_model import FakeModel
from tests.core.hop_peers import address


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HopServer]:
    with HopServer(address(tmp_path)) as server:
        yield server


def loop_of(server: HopServer, ring_dir: Path) -> DetectorLoop:
    return DetectorLoop(server, FakeModel(), ring_dir=ring_dir, max_batch=8)


def test_a_ring_of_ours_that_cannot_be_attached_ends_the_detector(server: HopServer, tmp_path: Path) -> None:
    """Else every picture in it would be answered as stale, and failed for good."""
    ring = tmp_path / "ring-0.sock"
    with HopClient(address(tmp_path), ring_path=str(ring), ring_id=7), pytest.raises(FramehopError, match=str(ring)):
        loop_of(server, tmp_path).step(30, [])


def test_a_ring_of_another_directory_is_nothing_to_us(server: HopServer, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "ring-0.sock"
    with HopClient(address(tmp_path), ring_path=str(elsewhere), ring_id=7):
        assert loop_of(server, tmp_path).step(30, []) == []
