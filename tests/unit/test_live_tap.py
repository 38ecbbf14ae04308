"""Live pictures from the rings of a worker that a test plays, and which rings those are."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from framehop.errors import ProcessError
from framehop.log import LogAt
from framehop.pipeline.control_plane import of_log
from framehop.pipeline.control_plane.asking import PublishedPipeline
from framehop.pipeline.control_plane.of_log import pipelines_of, rings_of
from framehop.pipeline.control_plane.requests import Kind, Publication, RingsReport
from framehop.pipeline.taps import live_tap as live_tap_module
from framehop.pipeline.taps import tap_thread
from framehop.pipeline.taps.live_tap import KEPT, LiveTap
from framehop.pipeline.taps.tap import LiveFrame, Tap
from framehop.types import Event, FrameKey
from tests.tap_worker import HEIGHT, WIDTH, TapWorker
from tests.waiting import until


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TapWorker]:
    """A worker in whose ring pictures have their full size."""
    tmp_path.chmod(0o700)
    worker = TapWorker(tmp_path / "ring-0.sock")
    worker.source = (WIDTH, HEIGHT)
    monkeypatch.setattr(of_log, "rings_of", lambda _at, lane: [worker.path] if lane == "main" else [])
    monkeypatch.setattr(tap_thread, "AGAIN_S", 0.01)
    monkeypatch.setattr(live_tap_module, "IDLE_S", 600.0)  # this machine may be slow
    yield worker
    worker.close()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> set[FrameKey]:
    """The frames that a tap has leased."""
    found: set[FrameKey] = set()

    class WatchedTap(Tap):
        def wait(self, streams: Collection[str], timeout_s: float, *, every: bool = False) -> LiveFrame | None:
            frame = super().wait(streams, timeout_s, every=every)
            found.update(key for ring in self._rings for key in ring._held)
            return frame

    monkeypatch.setattr(tap_thread, "Tap", WatchedTap)
    return found


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTap]:
    live = LiveTap(LogAt.of(tmp_path / "log"))
    yield live
    live.close()
    assert live._thread is None or live._thread.join(60)


def detected(worker: TapWorker, held: set[FrameKey], seq: int, stream: str = "gate") -> Event:
    """Have the worker detect something in a picture that a tap has leased."""
    frame = worker.show(seq, stream)
    until(lambda: frame.record.meta.key in held, "the lease")
    return worker.answer(frame)


def begin(live: LiveTap, worker: TapWorker, stream: str = "gate") -> Event:
    """Ask for a first picture, which nobody has seen coming, and wait until the tap listens."""
    first = worker.answer(worker.show(0, stream))
    assert live.take(first) is None
    until(worker.is_heard, "a listener")
    return first


def places(live: LiveTap, stream: str = "gate") -> list[int]:
    return [seq for _, seq in live._kept.get(stream, {})]


def test_pictures_are_copied_once_somebody_reads_their_stream(
    worker: TapWorker, held: set[FrameKey], live: LiveTap
) -> None:
    begin(live, worker)
    event = detected(worker, held, 3)
    until(lambda: places(live) == [3], "the copy")
    picture = live.take(event)
    assert picture is not None
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert (picture == 3).all()
    assert not picture.flags.writeable
    assert live.take(event) is None, "it is the caller's now"
    assert live._bytes == 0


def test_what_was_missed_is_none_and_what_came_before_is_forgotten(
    worker: TapWorker, held: set[FrameKey], live: LiveTap
) -> None:
    begin(live, worker)
    for seq in (1, 2, 4):
        event = detected(worker, held, seq)
    until(lambda: places(live) == [1, 2, 4], "the copies")
    assert live.take(replace(event, seq=3)) is None
    assert places(live) == [4]


def test_few_are_kept_of_a_stream(worker: TapWorker, held: set[FrameKey], live: LiveTap) -> None:
    begin(live, worker)
    for seq in range(1, KEPT + 4):
        detected(worker, held, seq)
    until(lambda: places(live) == list(range(4, KEPT + 4)), "the newest alone")
    assert live._bytes == KEPT * WIDTH * HEIGHT * 3


def test_few_bytes_are_kept_of_all(
    worker: TapWorker, held: set[FrameKey], live: LiveTap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_tap_module, "KEPT_BYTES", 2 * WIDTH * HEIGHT * 3)
    begin(live, worker)
    for seq in (1, 2, 3):
        detected(worker, held, seq)
    until(lambda: places(live) == [2, 3], "the newest alone")


def test_pictures_that_were_scaled_are_left_to_the_log(
    worker: TapWorker, held: set[FrameKey], live: LiveTap, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.source = (2 * WIDTH, 2 * HEIGHT)
    looks: list[str] = []

    def look(_at: LogAt, lane: str) -> list[str]:
        looks.append(lane)
        return [worker.path]

    monkeypatch.setattr(of_log, "rings_of", look)
    begin(live, worker)
    event = detected(worker, held, 1)
    until(lambda: worker.is_heard(0), "silence")
    before = len(looks)
    assert live.take(event) is None
    time.sleep(0.2)  # in which a thread that does not rest looks many times
    assert len(looks) <= before + 1
    assert worker.is_heard(0)


def test_a_picture_that_comes_twice_counts_once(worker: TapWorker, held: set[FrameKey], live: LiveTap) -> None:
    begin(live, worker)
    for _ in range(2):
        held.clear()
        detected(worker, held, 1)
        until(lambda: places(live) == [1], "the copy")
    event = detected(worker, held, 2)
    until(lambda: places(live) == [1, 2], "both")
    assert live.take(event) is not None
    assert live._bytes == 0


def test_who_stops_reading_costs_nothing(
    worker: TapWorker, held: set[FrameKey], live: LiveTap, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(live, worker)
    detected(worker, held, 1)
    until(lambda: places(live) == [1], "the copy")
    monkeypatch.setattr(live_tap_module, "IDLE_S", 0.0)
    until(lambda: worker.is_heard(0), "silence")
    assert live._kept == {}
    assert live._bytes == 0


def test_nothing_begins_before_the_first_event_or_after_the_end(worker: TapWorker, live: LiveTap) -> None:
    failed = replace(worker.answer(worker.show(0)), outcome="failed")
    assert live.take(failed) is None
    assert live._thread is None
    live.close()
    assert live.take(replace(failed, outcome="detected")) is None
    assert live._thread is None


# ---------------------------------------------------------------- which rings


def test_the_rings_are_those_of_one_lane_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, other = tmp_path / "log", tmp_path / "other"
    log.mkdir()
    other.mkdir()
    pipelines = [
        published(log, "night", 1),
        published(log, "main", 2),
        published(log, "main", 3, "detect"),
        published(log, "main", 4, "ingest"),
        published(log, "main", 5),
        published(other, "main", 6),
    ]

    def ask(found: PublishedPipeline) -> RingsReport:
        if found.publication.pid == 5:
            raise ProcessError("it does not answer")
        return RingsReport(publication=found.publication, rings=[f"ring of {found.publication.pid}"])

    monkeypatch.setattr(of_log, "published", lambda: iter(pipelines))
    monkeypatch.setattr(of_log, "ask_rings", ask)
    at = LogAt.of(log)
    assert rings_of(at) == ["ring of 2", "ring of 3"]
    assert rings_of(at, "night") == ["ring of 1"]
    assert rings_of(at, "day") == []
    del pipelines[1:]
    assert rings_of(at) == ["ring of 1"], "of the only lane that there is"
    del pipelines[:]
    assert rings_of(at) == []


@pytest.mark.parametrize("url", ["kafka://broker", "kafka://broker:9092/", "kafka://broker:9092/framehop"])
def test_a_log_in_kafka_is_the_same_without_its_port_or_its_prefix(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    said = [published(log, "main", 1) for log in ("kafka://broker:9092", "kafka://broker:9093")]
    monkeypatch.setattr(of_log, "published", lambda: iter(said))
    assert list(pipelines_of(LogAt.of(url))) == said[:1]


def published(log: Path | str, lane: str, pid: int, kind: Kind = "pipeline") -> PublishedPipeline:
    said = Publication(pid=pid, started_us=pid, log=str(log), lane=lane, version="0", kind=kind)
    return PublishedPipeline(directory=Path(log), publication=said)
