"""The detector's loop between real sockets and rings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop._core import FrameTag, HopClient, HopServer, Ring
from framehop.errors import ClosedError, FramehopError
from framehop.pipeline.detector.detector_loop import DetectorLoop
from framehop.testing.fake_model import FakeModel, detections
from tests.core.hop_peers import address, take_replies
from tests.waiting import until


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


def send_pictures(ring: Ring, client: HopClient, count: int) -> None:
    tags = [FrameTag("gate", 1, seq, 0, seq) for seq in range(count)]
    slots = [slot for tag in tags if (slot := ring.try_acquire(tag)) is not None]
    assert len(slots) == count
    for slot in slots:
        slot.array(8, 6)[:] = 255
    assert client.send([slot.publish() for slot in slots], [(8, 6)] * count)


def test_the_model_changes_between_two_batches_and_replies_say_which_one_it_was(
    server: HopServer, tmp_path: Path
) -> None:
    """What was queued before the change and not yet run is looked at by the new model."""
    old, new = FakeModel(), FakeModel(script=[detections(), detections(error="bad_output")])
    path = str(tmp_path / "ring-0.sock")
    with (
        Ring.create(path, slots=4, slot_bytes=4096) as ring,
        HopClient(address(tmp_path), ring_path=path, ring_id=ring.ring_id) as client,
    ):
        loop = DetectorLoop(server, old, ring_dir=tmp_path, max_batch=2)
        until(lambda: (loop.step(0.01, []), client.poll(0.01), client.credits)[-1], "a welcome")
        send_pictures(ring, client, 4)
        until(lambda: (loop.step(0.01, []), old.batches)[-1], "a batch")
        assert loop.use(new, 2) is old
        until(lambda: (loop.step(0.01, []), new.batches)[-1], "a batch of the new model")
        replies = sorted(take_replies(client, 4), key=lambda reply: reply.slot)
        assert [(reply.model, reply.status) for reply in replies] == [(1, "ok"), (1, "ok"), (2, "ok"), (2, "failed")]
        loop.close()
    with pytest.raises(ClosedError):
        new.detect([])
    assert old.detect([]) == [], "the one before is its taker's to close"
