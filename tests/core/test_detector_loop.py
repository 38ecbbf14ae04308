"""The detector's loop between real sockets and rings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from framehop._core import HopClient, HopServer, Ring, RingReader
from framehop.errors import FramehopError
from framehop.inference.page_locks import PageLocks
from framehop.pipeline.detector.detector import DetectorLoop
from framehop.testing.fake_model import FakeModel
from tests.core.hop_peers import address
from tests.unit.test_page_locks import Notes


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HopServer]:
    with HopServer(address(tmp_path)) as server:
        yield server


def loop_of(server: HopServer, ring_dir: Path, locks: PageLocks | None = None) -> DetectorLoop:
    return DetectorLoop(server, FakeModel(), ring_dir=ring_dir, max_batch=8, locks=locks)


def test_a_ring_of_ours_that_cannot_be_attached_ends_the_detector(server: HopServer, tmp_path: Path) -> None:
    """Else every picture in it would be answered as stale, and failed for good."""
    ring = tmp_path / "ring-0.sock"
    with HopClient(address(tmp_path), ring_path=str(ring), ring_id=7), pytest.raises(FramehopError, match=str(ring)):
        loop_of(server, tmp_path).step(30, [])


def test_a_ring_of_another_directory_is_nothing_to_us(server: HopServer, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "ring-0.sock"
    with HopClient(address(tmp_path), ring_path=str(elsewhere), ring_id=7):
        assert loop_of(server, tmp_path).step(30, []) == []


def test_the_pixels_of_a_ring_are_page_locked_for_a_gpu_until_the_loop_ends(
    server: HopServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "ring-0.sock")
    places: list[tuple[int, int]] = []
    attach = RingReader.attach

    def noted(*arguments: Any, **options: Any) -> RingReader:
        reader = attach(*arguments, **options)
        places.append(reader.pixel_memory)
        return reader

    monkeypatch.setattr("framehop._core.RingReader", SimpleNamespace(attach=noted))
    cuda = Notes()
    with (
        Ring.create(path, slots=2, slot_bytes=4096) as ring,
        HopClient(address(tmp_path), ring_path=path, ring_id=ring.ring_id),
    ):
        loop = loop_of(server, tmp_path, PageLocks(cuda, device=1))
        loop.step(30, [])
        [(place, size)] = places
        assert cuda.calls == [("device", 1), ("lock", place, size, 9)]
        loop.close()
        assert cuda.calls[2:] == [("unlock", place)]
