"""The hop over shared memory, from Python. What every link must do is in the suite of the C++ tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framehop._core import HopClient, HopServer
from framehop.errors import InvalidArgumentError, RefusedError, SystemCallError
from tests.core.hop_peers import DETECTOR, RING_PATH, greet, process, refs, sizes, take_replies, take_requests
from tests.waiting import until


@pytest.fixture
def place(tmp_path: Path) -> str:
    tmp_path.chmod(0o700)
    return f"shm://{tmp_path}/hop"


@pytest.fixture
def server(place: str) -> Iterator[HopServer]:
    with HopServer(place, credits=4) as server:
        yield server


@pytest.fixture
def client(server: HopServer, place: str) -> Iterator[HopClient]:
    with HopClient(place, ring_path=RING_PATH, ring_id=7) as client:
        greet(server, client)
        yield client


def test_a_descriptor_goes_out_and_its_boxes_come_back(server: HopServer, client: HopClient) -> None:
    assert client.detector_id == server.detector_id
    for turn in range(50):
        assert client.send(refs(turn, 1000), sizes(2))
        first, second = take_requests(server, 2)
        boxes = np.full((300, 4), turn, np.float32)
        assert server.reply(
            first, boxes=boxes, scores=np.full(300, 0.5, np.float32), label_ids=np.arange(300, dtype=np.int32)
        )
        assert server.reply(second, status="failed", message="why")
        good, bad = take_replies(client, 2)
        np.testing.assert_array_equal(good.boxes, boxes)
        assert (good.slot, bad.slot, bad.message) == (turn, 1000, "why")


def test_a_killed_detector_is_lost_and_its_successor_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    place = f"shm://{tmp_path}/hop"
    with (
        process(DETECTOR, place, first_line="bound") as detector,
        HopClient(place, ring_path="/r", ring_id=1) as client,
    ):
        until(lambda: client.poll(0.1) and client.credits, what="no welcome")
        assert client.send(refs(1), sizes(1))
        detector.kill()
        until(lambda: (client.poll(0.1), client.lost)[-1], what="the loss")
        assert not client.send(refs(1), sizes(1))
    with HopServer(place) as successor, HopClient(place, ring_path="/r", ring_id=1) as client:
        greet(successor, client)


def test_a_stopped_detector_is_no_loss(tmp_path: Path) -> None:
    """Its supervisor kills it; until then its queue is there."""
    tmp_path.chmod(0o700)
    place = f"shm://{tmp_path}/hop"
    with (
        process(DETECTOR, place, first_line="bound") as detector,
        HopClient(place, ring_path="/r", ring_id=1) as client,
    ):
        until(lambda: client.poll(0.1) and client.credits, what="no welcome")
        os.kill(detector.pid, signal.SIGSTOP)
        assert client.send(refs(1), sizes(1))
        client.poll(0.2)
        assert not client.lost


def test_addresses_that_cannot_be_are_clear_errors(tmp_path: Path, place: str, server: HopServer) -> None:
    with pytest.raises(InvalidArgumentError, match="shm://"):
        HopServer("shm://")
    with pytest.raises(InvalidArgumentError, match="shm://"):
        HopClient("shm:///" + "x" * 200, ring_path="/r", ring_id=1)
    with pytest.raises(SystemCallError, match="No such file"):
        HopServer(f"shm://{tmp_path}/missing/hop")
    with pytest.raises(RefusedError, match="another"):
        HopServer(place)


def test_closing_leaves_no_file_or_descriptor(tmp_path: Path, place: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with HopServer(place) as server, HopClient(place, ring_path="/r", ring_id=1) as client:
            greet(server, client)
            assert client.send(refs(1), sizes(1))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert list(tmp_path.iterdir()) == []
