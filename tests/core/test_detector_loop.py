"""The detector's loop between real sockets and rings."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop._core import FrameTag, HopClient, HopReply, HopServer, Ring, RingReader, SlotRef
from framehop.errors import ClosedError, ModelError
from framehop.inference.page_locks import PageLocks
from framehop.pipeline.detector import detector_loop, rings
from framehop.pipeline.detector.detector import DetectorProcess
from framehop.pipeline.detector.detector_loop import DetectorLoop
from framehop.pipeline.detector.lane_model import LaneModel
from framehop.pipeline.detector.lanes import ANSWERS, Lanes
from framehop.pipeline.detector.side_loader import SideLoader
from framehop.pipeline.processes import supervisor_link
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Drain
from framehop.pipeline.processes.supervisor_link import SupervisorLink
from framehop.testing.fake_model import FakeModel, detections
from framehop.types import Detections
from tests.core.hop_peers import Ref, address, greet, refs, sizes
from tests.fake_cuda import Notes
from tests.waiting import until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HopServer]:
    with HopServer(address(tmp_path)) as server:
        yield server


@contextmanager
def loop_of(
    server: HopServer, ring_dir: Path, *models: FakeModel, locks: PageLocks | None = None
) -> Iterator[DetectorLoop]:
    """A loop with a lane for each of `models`, which are the same one."""
    lanes = Lanes(LaneModel(models or (FakeModel(),)))
    with closing(DetectorLoop(server, lanes, ring_dir=ring_dir, locks=locks)) as loop:
        yield loop


def is_sent_away(loop: DetectorLoop, client: HopClient) -> bool:
    until(lambda: (loop.step(0.01, []), client.poll(0.01), client.lost)[-1], "the end of the connection")
    return client.lost


def answers_a_picture(loop: DetectorLoop, ring: Ring, client: HopClient) -> bool:
    welcomed(loop, client)
    [ref] = send_pictures(ring, client, 1)
    (reply,) = replies_of(loop, client, 1)
    ring.retire(ref)
    return reply.status == "ok"


@pytest.mark.parametrize("link", ["ipc", "shm"])
def test_who_names_a_ring_that_cannot_be_attached_is_sent_away_and_served_once_it_can(
    link: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A ring that was kept would answer every picture of it as stale, and so fail it for good."""
    place, path = f"{link}://{tmp_path}/hop", str(tmp_path / "ring-1.sock")
    with (
        HopServer(place) as server,
        Ring.create(str(tmp_path / "ring-0.sock"), slots=4, slot_bytes=4096) as ring,
        HopClient(place, ring_path=ring.path, ring_id=ring.ring_id) as client,
        loop_of(server, tmp_path) as loop,
    ):
        assert answers_a_picture(loop, ring, client)
        with HopClient(place, ring_path=path, ring_id=7) as early:
            assert is_sent_away(loop, early)
        assert path in caplog.text
        with Ring.create(path, slots=4, slot_bytes=4096) as late:
            with HopClient(place, ring_path=path, ring_id=late.ring_id) as again:
                assert answers_a_picture(loop, late, again)
            with HopClient(place, ring_path=path, ring_id=late.ring_id ^ 1) as mistaken:
                assert is_sent_away(loop, mistaken)
        assert answers_a_picture(loop, ring, client)
        assert not client.lost


def test_a_reason_to_send_workers_away_is_said_once_for_all_who_come_again(
    server: HopServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = str(tmp_path / "ring-0.sock"), str(tmp_path / "ring-1.sock")
    with loop_of(server, tmp_path) as loop:
        for path in (first, first, second, first, second):
            with HopClient(address(tmp_path), ring_path=path, ring_id=7) as client:
                assert is_sent_away(loop, client)
    said = [record.getMessage() for record in caplog.records]
    assert [(first in text, second in text) for text in said] == [(True, False), (False, True)]


@contextmanager
def file_at(path: Path) -> Iterator[None]:
    path.write_bytes(b"no socket")
    yield


@contextmanager
def stopped_host(path: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        yield


@pytest.mark.parametrize("strange", [file_at, stopped_host])
def test_no_ring_that_a_stranger_names_ends_the_detector(
    strange: Callable[[Path], AbstractContextManager[None]],
    server: HopServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detector_loop, "ATTACH_S", 0.05)
    path = tmp_path / "strange.sock"
    with strange(path), worker(tmp_path) as (ring, client), loop_of(server, tmp_path) as loop:
        with HopClient(address(tmp_path), ring_path=str(path), ring_id=7) as stranger:
            assert is_sent_away(loop, stranger)
        assert answers_a_picture(loop, ring, client)


def test_a_ring_of_another_directory_is_nothing_to_us(server: HopServer, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "ring-0.sock"
    with (
        HopClient(address(tmp_path), ring_path=str(elsewhere), ring_id=7) as client,
        loop_of(server, tmp_path) as loop,
    ):
        assert is_sent_away(loop, client)


@pytest.mark.parametrize("link", ["ipc", "shm"])
def test_pictures_of_a_ring_that_is_not_attached_are_never_answered_as_stale(link: str, tmp_path: Path) -> None:
    """Their descriptors come without a hello where libzmq has connected again by itself."""
    place = f"{link}://{tmp_path}/hop"
    with (
        HopServer(place) as server,
        HopClient(place, ring_path=str(tmp_path / "ring-0.sock"), ring_id=7) as client,
        loop_of(server, tmp_path) as loop,
    ):
        greet(server, client)  # which the loop does not hear
        assert client.send(refs(0, 1), sizes(2))
        replies: list[HopReply] = []

        def is_over() -> bool:
            loop.step(0.01, [])
            replies.extend(client.poll(0.01)[0])
            return client.lost

        until(is_over, "the end of the connection")
        assert replies == []
        assert server.malformed == 0


def test_rings_whose_hosts_have_gone_make_room_for_others(
    server: HopServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rings, "MOST", 2)
    with worker(tmp_path, "first") as (first, client), loop_of(server, tmp_path) as loop:
        assert answers_a_picture(loop, first, client)
        for name in ("second", "third"):
            with worker(tmp_path, name) as (ring, other):
                assert answers_a_picture(loop, ring, other)
                with worker(tmp_path, "beyond") as (_, late):
                    assert is_sent_away(loop, late)
        assert answers_a_picture(loop, first, client)


def send_pictures(ring: Ring, client: HopClient, count: int) -> list[SlotRef]:
    """Publish white pictures, and send them in one message."""
    tags = [FrameTag("gate", 1, seq, 0, seq) for seq in range(count)]
    slots = [slot for tag in tags if (slot := ring.try_acquire(tag)) is not None]
    assert len(slots) == count
    for slot in slots:
        slot.array(8, 6)[:] = 255
    refs = [slot.publish() for slot in slots]
    assert client.send(refs, [(8, 6)] * count)
    return refs


@contextmanager
def worker(directory: Path, name: str = "ring-0", *, slots: int = 4) -> Iterator[tuple[Ring, HopClient]]:
    path = str(directory / f"{name}.sock")
    with (
        Ring.create(path, slots=slots, slot_bytes=4096) as ring,
        HopClient(address(directory), ring_path=path, ring_id=ring.ring_id) as client,
    ):
        yield ring, client


def welcomed(loop: DetectorLoop, *clients: HopClient) -> None:
    until(
        lambda: (loop.step(0.01, []), [client.poll(0.01) for client in clients], all(c.credits for c in clients))[-1],
        "a welcome",
    )


def replies_of(loop: DetectorLoop, client: HopClient, count: int) -> list[HopReply]:
    """Step until the client has so many answers."""
    taken: list[HopReply] = []

    def came() -> bool:
        loop.step(0.01, [])
        taken.extend(client.poll(0.0)[0])
        return len(taken) >= count

    until(came, "the answers")
    return taken


def test_a_picture_that_is_not_rgb_fails_and_its_slot_comes_back(server: HopServer, tmp_path: Path) -> None:
    """No client of ours sends its descriptor, but whoever reaches the socket may."""
    with worker(tmp_path) as (ring, client), loop_of(server, tmp_path) as loop:
        welcomed(loop, client)
        slot = ring.try_acquire(FrameTag("gate", 1, 0))
        assert slot is not None
        slot.array(8, 6, "nv12")[:] = 0
        ref = slot.publish()
        claimed = Ref(ref.slot, ref.generation, ref.width, ref.height, 3 * ref.width)
        assert client.send([cast("SlotRef", claimed)], [(6, 8)])
        (reply,) = replies_of(loop, client, 1)
        assert (reply.status, reply.message) == (
            "failed", "unsupported_picture: the slot holds nv12, and a detector takes rgb8"
        )  # fmt: skip
        ring.retire(ref)
        assert ring.free_slots() == ring.slot_count


class Hold:
    """Holds a model up in each batch until `go`. `begun`: it is in one."""

    def __init__(self) -> None:
        self.begun, self.go = Event(), Event()

    def __call__(self, _pictures: int) -> None:
        self.begun.set()
        assert self.go.wait(30)


def test_the_model_changes_between_two_runs_and_replies_say_which_one_it_was(server: HopServer, tmp_path: Path) -> None:
    """Pictures queued before the change and not yet run are looked at by the new model."""
    hold = Hold()
    old = FakeModel(max_batch=2, on_batch=hold)
    new = FakeModel(max_batch=2, script=[detections(), detections(error="bad_output")])
    with worker(tmp_path) as (ring, client), loop_of(server, tmp_path, old) as loop:
        welcomed(loop, client)
        send_pictures(ring, client, 4)
        until(lambda: (loop.step(0.01, []), hold.begun.is_set())[-1], "a run")
        loop.use(LaneModel((new,)), 2)
        hold.go.set()
        replies = sorted(replies_of(loop, client, 4), key=lambda reply: reply.slot)
        assert [(reply.model, reply.status) for reply in replies] == [(1, "ok"), (1, "ok"), (2, "ok"), (2, "failed")]
    for model in (old, new):
        with pytest.raises(ClosedError):
            model.detect([])


def test_lanes_answer_each_picture_as_soon_as_it_is_done(server: HopServer, tmp_path: Path) -> None:
    hold, once = Hold(), iter([True])

    def first_is_slow(pictures: int) -> None:
        if next(once, False):
            hold(pictures)

    both = [FakeModel(max_batch=1, on_batch=first_is_slow) for _ in range(2)]
    with worker(tmp_path) as (ring, client), loop_of(server, tmp_path, *both) as loop:
        welcomed(loop, client)
        send_pictures(ring, client, 4)
        early = replies_of(loop, client, 3)
        assert [(reply.batch_size, len(reply.boxes)) for reply in early] == [(1, 1)] * 3
        hold.go.set()
        [late] = replies_of(loop, client, 1)
        assert {late.slot, *(reply.slot for reply in early)} == {0, 1, 2, 3}


def test_lanes_know_how_many_pictures_wait_behind_theirs(server: HopServer, tmp_path: Path) -> None:
    hold = Hold()
    lanes = Lanes(LaneModel((FakeModel(max_batch=1, on_batch=hold),)))
    with (
        worker(tmp_path, slots=24) as (ring, client),
        closing(DetectorLoop(server, lanes, ring_dir=tmp_path)) as loop,
    ):
        welcomed(loop, client)
        send_pictures(ring, client, 24)
        until(lambda: (loop.step(0.01, []), hold.begun.is_set())[1], "the first run")
        loop.step(0.0, [])  # leases another in the place of the one that has begun
        assert lanes.room == 0
        assert lanes.backlog + ANSWERS + 3 == 24, "one runs, and two and as many as share a wake-up wait for the lane"
        hold.go.set()
        replies_of(loop, client, 24)
        assert lanes.backlog == 0


def test_the_pictures_of_several_workers_are_taken_in_the_order_in_which_they_came(
    server: HopServer, tmp_path: Path
) -> None:
    order: list[tuple[int, int]] = []
    go = Event()

    class Ordered(FakeModel):
        def detect(
            self, pictures: Sequence[NDArray[np.uint8]], source_sizes: Sequence[tuple[int, int]] | None = None
        ) -> list[Detections]:
            order.extend(source_sizes or [])
            assert go.wait(30)
            return super().detect(pictures, source_sizes)

    with (
        worker(tmp_path, "ring-0") as (ring, client),
        worker(tmp_path, "ring-1") as (other_ring, other),
        loop_of(server, tmp_path, Ordered(max_batch=1)) as loop,
    ):
        welcomed(loop, client, other)
        for turn in range(3):
            for number, (each, sender) in enumerate(((ring, client), (other_ring, other))):
                slot = each.try_acquire(FrameTag("gate", 1, turn, 0, turn))
                assert slot is not None
                slot.array(8, 6)
                assert sender.send([slot.publish()], [(100 + turn, 1 + number)])
                loop.step(30, [])  # it has come before the next is sent
        go.set()
        replies_of(loop, client, 3)
        replies_of(loop, other, 3)
    assert order == [(100 + turn, 1 + number) for turn in range(3) for number in range(2)]


def test_the_detector_beats_and_hears_while_its_lanes_infer(
    server: HopServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_link, "BEAT_S", 0.01)
    supervisor, theirs = Channel.pair()
    hold = Hold()
    with (
        supervisor,
        Channel.from_fd(theirs.detach()) as channel,
        worker(tmp_path) as (ring, client),
        loop_of(server, tmp_path, FakeModel(on_batch=hold)) as loop,
        closing(SideLoader[LaneModel](lambda _order: LaneModel(()))) as loader,
        ThreadPoolExecutor(1) as pool,
    ):
        welcomed(loop, client)
        send_pictures(ring, client, 1)
        running = pool.submit(DetectorProcess(SupervisorLink(channel), loop, loader).run)
        assert hold.begun.wait(30)
        supervisor.receive()
        for _ in range(3):
            until(supervisor.receive, "a beat during a run")
        supervisor.send(Drain())
        assert running.result(30) is None
        hold.go.set()


def test_a_failed_inference_ends_the_loop_with_its_error(server: HopServer, tmp_path: Path) -> None:
    def fail(_pictures: int) -> None:
        raise ModelError("the GPU is gone")

    with worker(tmp_path) as (ring, client), loop_of(server, tmp_path, FakeModel(on_batch=fail)) as loop:
        welcomed(loop, client)
        send_pictures(ring, client, 1)
        with pytest.raises(ModelError, match="the GPU is gone"):
            replies_of(loop, client, 1)


def test_after_the_end_with_pictures_waiting_no_slot_is_leased(server: HopServer, tmp_path: Path) -> None:
    hold = Hold()
    with worker(tmp_path) as (ring, client):
        before = ring.free_slots()
        with loop_of(server, tmp_path, FakeModel(max_batch=1, on_batch=hold)) as loop:
            welcomed(loop, client)
            refs = send_pictures(ring, client, 4)
            until(lambda: (loop.step(0.01, []), hold.begun.is_set())[-1], "a run")
            hold.go.set()
        assert not loop.busy
        assert all(ring.retire(ref) for ref in refs)
        assert ring.free_slots() == before


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
        with loop_of(server, tmp_path, locks=PageLocks(cuda, device=1)) as loop:
            loop.step(30, [])
            [(place, size)] = places
            assert cuda.calls == [("device", 1), ("lock", place, size, 9)]
        assert cuda.calls[2:] == [("unlock", place)]
