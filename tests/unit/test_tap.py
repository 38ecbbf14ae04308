"""Taps of a ring, against a ring and a worker's notices that a test writes."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import zmq

from framehop import _core
from framehop.decode import Decoded
from framehop.errors import BadMessageError, ClosedError, ProcessError, RefusedError
from framehop.hop.plain import PlainReceiver
from framehop.pipeline.control_plane.control_socket import publish
from framehop.pipeline.control_plane.requests import Answer, Publication, Request, RingsReport, RingsRequest
from framehop.pipeline.stop import StopSignal, stop_on_signals
from framehop.pipeline.taps.frame_server import FrameServer
from framehop.pipeline.taps.notices import Known, Shown, encode_notice, notices_path, parse_notice, topic_of
from framehop.pipeline.taps.tap import LiveFrame, Tap, attach
from framehop.pipeline.worker import subscriptions
from framehop.pipeline.worker.notice_board import AT_ONCE, NoticeBoard
from tests.frames import record_of
from tests.logs import make_event
from tests.tap_worker import HEIGHT, QUOTA, SLOTS, WIDTH, TapWorker
from tests.waiting import until


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[TapWorker]:
    tmp_path.chmod(0o700)
    worker = TapWorker(tmp_path / "ring-0.sock")
    yield worker
    worker.close()


@pytest.fixture
def tap(worker: TapWorker) -> Iterator[Tap]:
    with Tap([worker.path]) as tap:
        tap.listen("")
        until(worker.is_heard, "a listener")
        yield tap


def held(worker: TapWorker) -> int:
    """Slots that are not free."""
    return SLOTS + QUOTA - worker.ring.free_slots()


def see(tap: Tap, *frames: Decoded, every: bool = False) -> None:
    """Let the tap take notice of the last of these frames, while they are in their slots."""
    keys = {frame.record.meta.key for frame in frames}

    def seen() -> bool:
        assert tap.wait((), 0.0, every=every) is None
        return any(keys <= ring._held.keys() for ring in tap._rings)

    until(seen, "the notice of a picture")


def live_frame(worker: TapWorker, tap: Tap, seq: int, stream: str = "gate") -> LiveFrame:
    """A frame, from its picture to its event."""
    frame = worker.show(seq, stream)
    see(tap, frame)
    worker.answer(frame)
    live = tap.wait((), 30)
    assert live is not None
    return live


def test_a_frame_comes_once_it_is_known_with_its_pixels_and_its_event(worker: TapWorker, tap: Tap) -> None:
    frame = worker.show(3)
    see(tap, frame)
    event = worker.answer(frame)
    live = tap.wait((), 30)
    assert live is not None
    assert live.event == event
    assert live.pixels.shape == (HEIGHT, WIDTH, 3)
    assert (live.pixels == 3).all()
    assert live.scale == (0.5, 0.5)
    assert held(worker) == 1
    live.release()
    assert held(worker) == 0
    with pytest.raises(ClosedError):
        live.pixels  # noqa: B018


def test_only_the_stream_that_was_asked_for_is_held(worker: TapWorker) -> None:
    with Tap([worker.path]) as tap:
        tap.listen("yard")
        until(worker.is_heard, "a listener")
        gate, yard = worker.show(1, "gate"), worker.show(2, "yard")
        see(tap, yard)
        worker.answer(gate)
        worker.answer(yard)
        live = tap.wait(("yard",), 30)
        assert live is not None
        assert live.key.stream == "yard"
        assert tap.missed == 0
        live.release()
        assert held(worker) == 0


def test_nothing_is_told_of_streams_that_nobody_watches(worker: TapWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(worker.board, "_tell", lambda _, stream: told.append(stream))
    with Tap([worker.path]) as tap:
        tap.listen("yard")
        until(worker.is_heard, "a listener")
        for frame in (worker.show(1, "gate"), worker.show(2, "yard")):
            worker.answer(frame)
    assert told == ["yard", "yard"]


def test_newest_returns_what_comes_after_the_call(worker: TapWorker, tap: Tap) -> None:
    """It lets go of what had come before, even while that is held for its event."""
    old = worker.show(1)
    see(tap, old)
    worker.answer(old)
    assert tap.newest(timeout_s=0.05) is None
    assert held(worker) == 0
    assert live_frame(worker, tap, 2).key.seq == 2


def test_a_tap_that_does_not_look_takes_no_slot(worker: TapWorker, tap: Tap) -> None:
    for seq in range(3 * (SLOTS + QUOTA)):
        worker.answer(worker.show(seq))
    assert held(worker) == 0
    assert tap.wait((), 0.05) is None, "these slots have other pictures by now"
    assert tap.missed > 0


def test_a_tap_holds_no_more_than_one_picture_that_waits(worker: TapWorker, tap: Tap) -> None:
    frames = [worker.show(seq) for seq in range(3)]
    see(tap, frames[0])
    until(lambda: tap.wait((), 0.0) is None and tap.missed == 2, "the other notices")
    for frame in frames:
        worker.ring.retire(frame.ref)
    assert held(worker) == 1


def test_every_takes_what_the_quota_allows(worker: TapWorker, tap: Tap) -> None:
    frames = [worker.show(seq) for seq in range(3)]
    see(tap, *frames[:QUOTA], every=True)
    for frame in frames:
        worker.answer(frame)
    assert held(worker) == QUOTA
    seqs = []
    while (live := tap.wait((), 0.2, every=True)) is not None:
        with live:
            seqs.append(live.key.seq)
    assert seqs == [0, 1]
    assert held(worker) == 0


def test_a_held_picture_whose_event_never_comes_makes_room(
    worker: TapWorker, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framehop.pipeline.taps.tap.PENDING_S", 0.0)
    see(tap, worker.show(1))
    assert live_frame(worker, tap, 2).key.seq == 2


def test_who_listens_no_longer_holds_nothing(worker: TapWorker, tap: Tap) -> None:
    """Events of that stream come no more, and what waited for one would take a slot until its time is up."""
    frame = worker.show(1)
    see(tap, frame)
    worker.ring.retire(frame.ref)
    assert held(worker) == 1
    tap.listen_only(("yard",))
    assert held(worker) == 0


def test_without_listeners_nothing_is_told(worker: TapWorker) -> None:
    with Tap([worker.path]) as tap:
        assert worker.is_heard(0)
        tap.listen("gate", "yard")
        until(lambda: worker.is_heard(2), "two listeners")
        tap.hush()
        until(lambda: worker.is_heard(0), "silence")


def test_a_stopped_tap_holds_up_nobody_and_a_dead_one_is_taken_off(worker: TapWorker) -> None:
    child = os.fork()
    if child == 0:
        Tap([worker.path]).newest(timeout_s=600)
        os._exit(1)
    until(worker.is_heard, "a listener")
    os.kill(child, signal.SIGSTOP)
    for seq in range(1000):
        worker.answer(worker.show(seq))
    assert held(worker) <= QUOTA
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    until(lambda: worker.is_heard(0), "its end")


def test_frames_end_with_the_pipeline(worker: TapWorker, tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = tap.frames()
    frame = worker.show(1)
    see(tap, frame)
    worker.answer(frame)
    with next(frames) as live:
        assert live.key.seq == 1
    sleep = tap._sleep

    def end_and_sleep(timeout_s: float) -> None:
        worker.ring.close()
        sleep(timeout_s)

    monkeypatch.setattr(tap, "_sleep", end_and_sleep)
    with pytest.raises(StopIteration):
        next(frames)
    assert not tap.alive


def test_a_closed_tap_keeps_what_it_gave(worker: TapWorker) -> None:
    with Tap([worker.path]) as tap:
        tap.listen("")
        until(worker.is_heard, "a listener")
        live = live_frame(worker, tap, 9)
    tap.close()
    assert (live.pixels == 9).all()
    with pytest.raises(ClosedError):
        tap.newest()


def test_frames_of_a_closed_tap_end(worker: TapWorker) -> None:
    with Tap([worker.path]) as tap:
        tap.listen("")
        until(worker.is_heard, "a listener")
        frames = tap.frames()
        frame = worker.show(1)
        see(tap, frame)
        worker.answer(frame)
        next(frames).release()
    assert not tap.alive
    assert list(frames) == []


def test_a_tap_too_many_is_refused_and_leaves_nothing_open(worker: TapWorker) -> None:
    """The ring's host is in this process too, and lets go of the refused a moment later. The two taps that stay may still be
    connecting to the worker's notices, with two descriptors each."""

    def refused() -> None:
        with pytest.raises(RefusedError):
            Tap([worker.path])

    with Tap([worker.path]), Tap([worker.path]):
        refused()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(10):
            refused()
        until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before + 4, "the descriptors")


def test_the_slot_knows_which_picture_it_has(worker: TapWorker, tap: Tap) -> None:
    """A notice that names another frame for a slot gets no pixels: they would be shown with that frame's boxes."""
    slot = worker.ring.wait_acquire(_core.FrameTag("gate", 1, 1), 30)
    assert slot is not None
    slot.array(HEIGHT, WIDTH)[:] = 1
    ref = slot.publish()
    worker.board._tell(Shown("gate", 1, 7, ref.slot, ref.generation), "gate")
    until(lambda: tap.wait((), 0.0) is None and (tap.missed or any(ring._held for ring in tap._rings)), "the notice")
    worker.board.known(replace(make_event(record_of(7)), width=128, height=96))
    assert live_frame(worker, tap, 2).key.seq == 2
    assert tap.missed == 1


def test_a_tap_of_several_rings_is_over_with_the_first_of_them(worker: TapWorker, tmp_path: Path) -> None:
    other = TapWorker(tmp_path / "ring-1.sock")
    with Tap([worker.path, other.path]) as tap:
        assert tap.alive
        other.close()
        until(lambda: not tap.alive, "the end")


def test_garbage_among_the_notices_is_only_counted(worker: TapWorker, tap: Tap) -> None:
    assert worker.board._socket is not None
    worker.board._socket.send_multipart([b"gate\0", b"\xff"])
    worker.board._socket.send_multipart([b"gate\0"])
    live_frame(worker, tap, 1)
    assert tap.missed == 2


class Insatiable:
    """A tap that subscribes without end, as the board's socket shows it."""

    heard = 0

    def getsockopt(self, _option: int) -> int:
        return zmq.POLLIN

    def recv(self, _flags: int, *, copy: bool) -> zmq.Frame:
        assert not copy
        self.heard += 1
        assert self.heard < 100_000, "a look without an end"
        return zmq.Frame(b"\x01%d\0" % self.heard)


def test_a_tap_that_subscribes_without_end_holds_up_no_batch(
    worker: TapWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    insatiable = Insatiable()
    monkeypatch.setattr(worker.board, "_guests", None)
    worker.board._look(cast("zmq.Socket[bytes]", insatiable))
    worker.board._look(cast("zmq.Socket[bytes]", insatiable))
    assert insatiable.heard == len(worker.board._listeners) == 2 * AT_ONCE


def test_a_tap_that_subscribes_without_end_is_cut_off_and_leaves_nothing(
    worker: TapWorker, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libzmq would keep all its subscriptions, and so would the board."""
    monkeypatch.setattr(subscriptions, "MOST", 100)
    with (
        zmq.Context() as context,
        context.socket(zmq.SUB) as greedy,
        greedy.get_monitor_socket(zmq.EVENT_DISCONNECTED) as ended,
    ):
        greedy.set(zmq.LINGER, 0)
        greedy.set(zmq.RECONNECT_IVL, -1)
        greedy.connect(f"ipc://{notices_path(worker.path)}")
        for number in range(1000):
            greedy.subscribe(topic_of(f"cam-{number}"))
        until(lambda: worker.is_heard() and ended.poll(0), "the end of its connection")
        greedy.disable_monitor()
    until(worker.is_heard, "the end of its subscriptions")
    live_frame(worker, tap, 1)


def test_a_board_that_cannot_be_bound_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with NoticeBoard(str(tmp_path / "no" / "such" / "directory")) as board:
        board.shown([])
        board.known(make_event(record_of(1)))
    assert "taps cannot hear" in caplog.text


def test_a_worker_that_comes_again_is_heard_again(worker: TapWorker, tap: Tap) -> None:
    worker.board.close()
    worker.board = NoticeBoard(notices_path(worker.path))
    until(lambda: tap.wait((), 0.0) is None and worker.is_heard(), "a listener")
    live_frame(worker, tap, 5)


def test_notices_come_back_as_they_were() -> None:
    for notice in (Shown("gate", 1, 2, 3, 4), Known(make_event(record_of(1)))):
        assert parse_notice(encode_notice(notice, "gate")) == notice
    with pytest.raises(BadMessageError):
        parse_notice(b"gate\0" + b"[" * 9999)


def test_attach_finds_the_rings(worker: TapWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "run"
    directory = home / "framehop-x"
    directory.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr("framehop.pipeline.control_plane.asking.runtime_parents", lambda: [home])
    said = Publication(pid=os.getpid(), started_us=1, log="log", lane="main", version="0")

    def answer(request: Request) -> Answer:
        assert isinstance(request, RingsRequest)
        return RingsReport(publication=said, rings=[worker.path])

    with publish(directory, said, answer), attach() as tap:
        tap.listen("")
        until(worker.is_heard, "a listener")
        live_frame(worker, tap, 1)


def test_attach_says_what_starts_a_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.pipeline.control_plane.asking.runtime_parents", lambda: [tmp_path])
    with pytest.raises(ProcessError, match="framehop run"):
        attach()


def test_descriptors_say_when_to_look(worker: TapWorker, tap: Tap) -> None:
    assert tap.wait((), 0.0) is None
    poller = zmq.Poller()
    for fd in tap.filenos():
        poller.register(fd, zmq.POLLIN)
    frame = worker.show(1)
    see(tap, frame)
    worker.answer(frame)
    seen: list[np.uint8] = []

    def looked() -> bool:
        poller.poll(30_000)
        live = tap.wait((), 0.0)
        if live is not None:
            seen.append(live.pixels[0, 0, 0])
        return live is not None

    until(looked, "a frame")
    assert seen == [1]


class NeverIdle(Tap):
    """Has a frame whenever it is asked, up to many; asks to stop after the fifth."""

    def __init__(self, worker: TapWorker, stop: StopSignal) -> None:
        super().__init__([worker.path])
        self.asked = 0
        self._worker, self._stop = worker, stop

    def wait(self, streams: Collection[str], timeout_s: float, *, every: bool = False) -> LiveFrame | None:
        self.asked += 1
        if self.asked == 5:
            self._stop.request()
        if self.asked > 50:
            return None
        frame = self._worker.show(self.asked)
        (ring,) = self._rings
        until(lambda: super(NeverIdle, self).wait((), 0.0) is None and frame.record.meta.key in ring._held, "a notice")
        self._worker.answer(frame)
        return super().wait((), 30)


def test_a_server_with_frames_without_end_hears_its_receivers_and_stops(worker: TapWorker, tmp_path: Path) -> None:
    with (
        stop_on_signals() as stop,
        NeverIdle(worker, stop) as tap,
        _core.FrameSender(f"ipc://{tmp_path}/frames") as sender,
        PlainReceiver(sender.address) as receiver,
    ):
        until(lambda: (receiver.receive(0.01), sender.poll(0.01)) and sender.receivers, "a receiver")
        tap.listen("", "of one who has left")
        until(lambda: worker.is_heard(2), "listeners")
        FrameServer(tap, sender, quality=None, on_note=print).run(stop)
        assert tap.asked == 5
        until(worker.is_heard, "that nobody wants the other stream any more")
