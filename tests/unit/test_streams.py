"""Sources that come, pause and go: which are taken, and what an ingest in this process makes of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from framehop.errors import ClosedError, ConfigError, InvalidArgumentError, SourceError
from framehop.pipeline.ingest.ingest import Ingest, IngestSummary
from framehop.pipeline.ingest.pacing import Clock, StopEvent, SystemClock
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.streams import MOST_BYTES, Streams
from framehop.sources import SourceSpec
from framehop.testing.memory_log import MemoryLog
from framehop.testing.synthetic import jpeg
from framehop.types import FrameKey
from tests.waiting import until

SHAPES = "testsrc:?size=32x32&count=3"


def test_of_several_sources_all_or_none_are_added() -> None:
    streams = Streams(Roster(), pushed=lambda stream: stream == "pushed")
    assert streams.add(["a=testsrc:", "testsrc:"]) == ["a", "testsrc"]
    for text, error, message in (
        ("pushed=testsrc:", InvalidArgumentError, "pictures are pushed to pushed"),
        ("a=testsrc:", InvalidArgumentError, "stream a has the source testsrc: already"),
        ("no/*.mp4", SourceError, "nothing fits"),
    ):
        with pytest.raises(error, match=message):
            streams.add(["b=testsrc:", text])
    with pytest.raises(SourceError, match="no such file"):
        streams.add(["no-such.mp4"])
    with pytest.raises(ConfigError, match="loop -1"):
        streams.add(["b=testsrc:"], loop=-1)
    assert {status.stream for status in streams.statuses()} == {"a", "testsrc"}


def test_one_that_cannot_be_read_keeps_no_other_from_being_read() -> None:
    streams = Streams(Roster())
    assert streams.add(["no-such.mp4", "testsrc:"]) == ["no-such", "testsrc"]


def test_a_name_that_another_process_cannot_be_told_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gate\udce9.jpg"
    path.write_bytes(jpeg())
    with pytest.raises(InvalidArgumentError, match=r"gate\\udce9.jpg is not UTF-8"):
        Streams(Roster(), elsewhere=True).add([f"gate={path}"])
    assert Streams(Roster()).add([f"gate={path}"]) == ["gate"], "this process can read it"


@pytest.mark.parametrize("stream", ["../gate", "gate\n", "g" * 60_000])
def test_what_is_no_stream_id_is_refused_before_anybody_is_told(stream: str) -> None:
    streams = Streams(Roster())
    with pytest.raises(InvalidArgumentError, match="stream"):
        streams.add(["testsrc:", SourceSpec(source="testsrc:", stream=stream)])
    assert streams.statuses() == []


def test_a_source_that_fits_into_no_message_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="a source of 16385 bytes is no path"):
        Streams(Roster(), elsewhere=True).add(["gate=rtsp://cam/" + "x" * (MOST_BYTES - len("rtsp://cam/") + 1)])
    source = "rtsp://cam/" + "x" * (MOST_BYTES - len("rtsp://cam/"))
    assert Streams(Roster(), elsewhere=True).add([f"gate={source}"]) == ["gate"]


def test_of_several_changes_all_or_none_are_made() -> None:
    streams = Streams(Roster())
    streams.add(["a=testsrc:", "b=testsrc:"])
    for change in (streams.remove, streams.pause, streams.resume):
        with pytest.raises(InvalidArgumentError, match="no stream 'c' is read here; there is a, b"):
            change("a", "c")
    assert {status.phase for status in streams.statuses()} == {"waiting"}
    streams.pause("a", "b")
    assert {status.phase for status in streams.statuses("a")} == {"paused"}
    streams.remove("a", "b")
    assert streams.statuses() == []


def test_a_detect_takes_no_sources() -> None:
    streams = Streams(Roster(), takes_sources=False)
    with pytest.raises(InvalidArgumentError, match="this is a detect"):
        streams.add(["testsrc:"])


@pytest.mark.parametrize(("text", "ends"), [(SHAPES, True), ("testsrc:", False)])
def test_a_source_without_end_keeps_the_pipeline_going(text: str, ends: bool) -> None:
    roster = Roster()
    Streams(roster).add([f"a={text}"])
    roster.untold.begin()
    roster.remove("a")
    assert roster.try_close() == ends


@pytest.mark.parametrize(
    ("source", "absolute"),
    [
        ("clip.mp4", "/site/clip.mp4"),
        ("/clips/a.mp4", "/clips/a.mp4"),
        ("clips/*.mp4", "/site/clips/*.mp4"),
        ("pan:photo.jpg?count=3", "pan:/site/photo.jpg?count=3"),
        ("pictures:photos/*.jpg", "pictures:/site/photos/*.jpg"),
        ("testsrc:?count=3", "testsrc:?count=3"),
        ("testsrc", "testsrc"),
        ("rtsp://camera/1", "rtsp://camera/1"),
    ],
)
def test_a_path_is_told_from_the_root_and_nothing_else_is_changed(source: str, absolute: str) -> None:
    assert SourceSpec(source=source, stream="a").absolute(Path("/site")) == SourceSpec(source=absolute, stream="a")


class Pace(SystemClock):
    """A clock by which so many pictures are due as a test says."""

    def __init__(self) -> None:
        self.due = threading.Semaphore(0)

    def event(self) -> StopEvent:
        return _Paced(self.due)


class _Paced(threading.Event):
    def __init__(self, due: threading.Semaphore) -> None:
        super().__init__()
        self._due = due

    def wait(self, timeout: float | None = None) -> bool:
        while not self.is_set():
            if self._due.acquire(timeout=0.01):
                return False
        return True


class Running:
    """An ingest in a thread of its own, on a log in memory."""

    def __init__(self, log: MemoryLog, text: str, clock: Clock) -> None:
        self.log = log
        self._clock = clock
        self.stop = threading.Event()
        self.roster = Roster()
        self.streams = Streams(self.roster)
        self.streams.add([text], rate=100.0)
        self._ended: list[IngestSummary] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._ended.append(Ingest(self.log, self.roster, stop=self.stop, clock=self._clock).run())

    def wait_for(self, stream: str, acked: int) -> None:
        until(lambda: self.roster.statuses()[stream].acked >= acked, f"{acked} frames of {stream}")

    def summary(self) -> IngestSummary:
        """Wait for the end."""
        self._thread.join(30)
        [summary] = self._ended
        return summary

    @property
    def keys(self) -> list[FrameKey]:
        return [meta.key for meta in self.log.scan_frames()]


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    with MemoryLog() as log:
        yield log


@contextmanager
def running(log: MemoryLog, text: str, clock: Clock | None = None) -> Iterator[Running]:
    ingest = Running(log, text, clock or SystemClock())
    try:
        yield ingest
    finally:
        ingest.stop.set()
        ingest.summary()


def test_an_ingest_reads_what_is_added_and_not_what_is_removed(log: MemoryLog) -> None:
    with running(log, "a=testsrc:?size=32x32") as ingest:
        ingest.wait_for("a", 3)
        ingest.streams.add([f"b={SHAPES}"], rate="max")
        until(lambda: ingest.roster.statuses()["b"].phase == "ended", "the end of b")
        ingest.streams.remove("a")
        ingest.streams.add([f"c={SHAPES}"], rate="max")
        until(lambda: ingest.roster.statuses()["c"].phase == "ended", "the end of c")
        ingest.stop.set()
        summary = ingest.summary()
        with pytest.raises(ClosedError, match="is ending"):
            ingest.streams.add(["d=testsrc:"])
    assert set(summary.streams) == {"a", "b", "c"}
    assert summary.streams["b"].finished
    assert summary.streams["c"].finished
    assert {stream.in_doubt for stream in summary.streams.values()} == {0}
    assert summary.frames == len(ingest.keys)


def test_a_paused_film_goes_on_at_its_next_frame_and_is_counted_as_one(log: MemoryLog) -> None:
    pace = Pace()
    with running(log, "film=testsrc:?size=32x32&count=40", pace) as ingest:
        pace.due.release(5)
        ingest.wait_for("film", 5)
        ingest.streams.pause("film")
        until(lambda: "ingest-film" not in {thread.name for thread in threading.enumerate()}, "the reader's end")
        ingest.streams.resume("film")
        pace.due.release(1000)  # the reader that was stopped may have taken one for nothing
        summary = ingest.summary()
    film = summary.streams["film"]
    assert [key.seq for key in ingest.keys] == list(range(40))
    assert len({key.epoch for key in ingest.keys}) == 1
    assert (film.frames, film.first_seq, film.last_seq, film.passes, film.before) == (40, 0, 39, 1, 0)
    assert film.finished
    assert not summary.stopped


def test_a_film_that_is_paused_at_its_very_end_is_not_read_again(log: MemoryLog) -> None:
    with running(log, "a=testsrc:?size=32x32") as ingest:
        ingest.wait_for("a", 3)
        log.faults.fill()
        ingest.streams.add(["film=testsrc:?size=32x32&count=6"], rate="max")
        until(lambda: ingest.roster.statuses()["film"].appended == 6, "all pictures on their way")
        ingest.streams.pause("film")
        ingest.streams.resume("film")
        log.faults.fill(False)
        until(lambda: ingest.roster.statuses()["film"].phase == "ended", "its end")
        ingest.stop.set()
        summary = ingest.summary()
    keys = [key for key in ingest.keys if key.stream == "film"]
    assert [key.seq for key in keys] == list(range(6))
    assert len({key.epoch for key in keys}) == 1
    film = summary.streams["film"]
    assert (film.frames, film.finished, film.error) == (6, True, "")


def test_a_paused_camera_begins_a_new_epoch(log: MemoryLog) -> None:
    with running(log, "a=testsrc:?size=32x32") as ingest:
        ingest.wait_for("a", 3)
        ingest.streams.pause("a")
        ingest.streams.resume("a")
        until(lambda: len({key.epoch for key in ingest.keys}) == 2, "a second epoch")
        ingest.stop.set()
        summary = ingest.summary()
    assert summary.streams["a"].passes == 2
    assert summary.frames == len(ingest.keys)


def test_a_stream_that_is_replaced_waits_for_the_one_before(log: MemoryLog) -> None:
    with running(log, "a=testsrc:?size=32x32") as ingest:
        ingest.wait_for("a", 3)
        ingest.streams.remove("a")
        ingest.streams.add([f"a={SHAPES}"], rate="max")
        until(lambda: ingest.roster.statuses()["a"].phase == "ended", "the end of the second")
        assert ingest.roster.statuses()["a"].error == ""
    first, second = sorted({key.epoch for key in ingest.keys})
    assert [key.seq for key in ingest.keys if key.epoch == second] == [0, 1, 2]
    assert [key.seq for key in ingest.keys if key.epoch == first][:3] == [0, 1, 2]
