"""Tests of the thread that reads a camera: what its queue holds, and what becomes of what it cannot hold."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from framehop.errors import SourceAwayError, SourceError
from framehop.protocols import Picture, SourceFacts
from framehop.sources.address import Address
from framehop.sources.live import live_video, reader
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.live_video import LiveVideo
from framehop.sources.live.losses import Losses
from framehop.sources.live.reader import AT_STOP, TOO_SLOW, Reader
from tests.waiting import until

CAM = Address.parse("rtsp://cam/x")


def how() -> Connecting:
    return Connecting(address=CAM, codec="auto", quality=85, open_s=1.0, stall_s=1.0, name=CAM.shown, losses=Losses())


class Scripted:
    """A connection that gives pictures, and then does what it is told."""

    facts = SourceFacts(codec="h264")
    is_recording = False

    def __init__(self, pictures: Iterator[Picture], end: Callable[[], None] = lambda: None) -> None:
        self._pictures, self._end = pictures, end
        self.closed = False

    def pictures(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
        yield from self._pictures
        self._end()

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed = True


def numbered(count: int, *, group: int = 5, due: bool = False) -> Iterator[Picture]:
    for number in range(count):
        yield Picture(
            payload=bytes([number]),
            media_us=number,
            keyframe=number % group == 0,
            begins=number == 0,
            due_us=number if due else None,
        )


def reading(scripted: Scripted, of: Connecting | None = None) -> Reader:
    return Reader(of or how(), lambda _how: scripted)  # type: ignore[arg-type,return-value]


def all_of(thread: Reader, found: list[Picture] | None = None) -> list[Picture]:
    """Take everything, into `found` even if an error ends it."""
    found = [] if found is None else found
    while not thread.over:
        if (picture := thread.take(10.0)) is not None:
            found.append(picture)
    return found


def test_what_was_read_comes_before_what_ended_it() -> None:
    def breaks() -> None:
        raise SourceAwayError("broken off")

    thread = reading(Scripted(numbered(3), breaks))
    found: list[Picture] = []
    with pytest.raises(SourceAwayError, match="broken off"):
        all_of(thread, found)
    assert [picture.media_us for picture in found] == [0, 1, 2]


def test_what_nobody_expects_of_a_camera_is_no_end_of_it() -> None:
    """FFmpeg's binding may raise anything for what a camera sends, which may send better things later."""

    def breaks() -> None:
        raise ValueError("no name for side data 99 of rtsp://ann:s3cr3t@cam/x")

    with pytest.raises(SourceAwayError, match="rtsp://cam/x sends what cannot be read: ValueError: no name") as failure:
        all_of(reading(Scripted(numbered(1), breaks)))
    assert "s3cr3t" not in str(failure.value)


@pytest.mark.parametrize("error", [SourceError("never"), MemoryError()])
def test_what_no_other_try_helps_stays_what_it_is(error: Exception) -> None:
    def breaks() -> None:
        raise error

    with pytest.raises(type(error)) as failure:
        all_of(reading(Scripted(numbered(1), breaks)))
    assert failure.value is error


def test_what_finds_no_room_is_counted_up_to_the_next_key_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "QUEUE_PICTURES", 3)
    monkeypatch.setattr(reader, "PATIENCE_S", 0.0)
    room, full, of = threading.Event(), threading.Event(), how()

    def held_up() -> Iterator[Picture]:
        for picture in numbered(12):
            if picture.media_us == 7:
                full.set()
                assert room.wait(30)
            yield picture

    thread = reading(Scripted(held_up()), of)
    assert full.wait(30)
    found = [thread.take(10.0) for _ in range(3)]
    room.set()
    found += all_of(thread)
    assert [(picture.media_us, picture.begins) for picture in found if picture] == [
        (0, True),
        (1, False),
        (2, False),
        (10, True),
        (11, False),
    ]
    assert [(left.reason, left.count) for left in of.losses.so_far] == [(TOO_SLOW, 7)]


def test_a_recording_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "QUEUE_PICTURES", 2)
    monkeypatch.setattr(reader, "PATIENCE_S", 0.0)
    of = how()
    thread = reading(Scripted(numbered(20, due=True)), of)
    assert [picture.media_us for picture in all_of(thread)] == list(range(20))
    assert list(of.losses.so_far) == []


def test_the_bytes_in_the_queue_are_bounded_and_one_picture_always_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "QUEUE_BYTES", 10)
    monkeypatch.setattr(reader, "PATIENCE_S", 0.0)
    large = (Picture(payload=bytes(100), media_us=number, begins=number == 0) for number in range(3))
    of = how()
    thread = reading(Scripted(large), of)
    until(lambda: not thread.alive, "the end of the connection")
    assert [picture.media_us for picture in all_of(thread)] == [0]
    assert sum(left.count for left in of.losses.so_far) == 2


def test_a_reader_that_is_closed_ends_and_closes_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "QUEUE_PICTURES", 1)
    monkeypatch.setattr(reader, "PATIENCE_S", 1000.0)
    scripted = Scripted(numbered(3))
    thread = reading(scripted)
    assert thread.take(10.0) is not None
    thread.close()
    until(lambda: not thread.alive, "the end of the thread")
    assert scripted.closed


def test_the_next_connection_need_not_wait_for_the_end_of_the_thread() -> None:
    thread = reading(Scripted(numbered(1)))
    thread._thread = threading.current_thread()  # one that lives on
    all_of(thread)
    assert not thread.alive


# ---------------------------------------------------------------- a camera that hangs for ever


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A connection that never comes about, whatever its deadline says, until this is set."""
    release = threading.Event()

    def never(_how: Connecting) -> Scripted:
        assert release.wait(60)
        raise SourceAwayError("released")

    monkeypatch.setattr(live_video, "Reader", lambda of: Reader(of, never))  # type: ignore[arg-type]
    yield release
    release.set()


def test_a_stop_does_not_wait_for_what_hangs(hang: threading.Event) -> None:
    camera = LiveVideo(CAM, stream="cam", open_s=1000.0, stall_s=1000.0)
    assert list(camera.follow(lambda: True)) == []
    with pytest.raises(SourceAwayError, match="still hangs"):
        next(camera.follow(lambda: False))
    hang.set()
    until(lambda: _ends(camera), "another try once the first is over")


def test_what_hangs_beyond_its_deadlines_is_given_up(hang: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_video, "SLACK_S", 0.0)
    camera = LiveVideo(CAM, stream="cam", open_s=0.0, stall_s=0.1)
    with pytest.raises(SourceAwayError, match="rtsp://cam/x hangs"):
        next(camera.follow(lambda: False))


class Early(Scripted):
    """A connection by which a packet comes, and no picture, whenever it is told."""

    def __init__(self) -> None:
        super().__init__(iter(()))
        self.send, self.sent = threading.Semaphore(0), threading.Semaphore(0)

    def pictures(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
        while self.send.acquire(timeout=60) and not stopped():
            self.sent.release()
        yield from ()


def test_a_camera_whose_first_key_frame_is_late_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other pictures come, and are no use before that one: the connection itself says when it has taken too long."""
    now_s = [0.0]
    monkeypatch.setattr(reader, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    early = Early()
    thread = reading(early)
    for _ in range(3):
        now_s[0] += 100.0
        assert thread.silent_s == 100.0
        early.send.release()
        assert early.sent.acquire(timeout=30)
        assert thread.silent_s == 0.0
    thread.close()
    early.send.release()


def test_what_waits_for_room_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log may stand still for longer than a camera may, and what has waited for it takes a moment to go on."""
    monkeypatch.setattr(reader, "time", SimpleNamespace(monotonic=itertools.count(0, 100).__next__))
    monkeypatch.setattr(reader, "QUEUE_PICTURES", 1)
    thread = reading(Scripted(numbered(2, due=True)))
    until(lambda: thread.silent_s == 0.0, "a full queue")
    thread.close()


def test_what_hangs_behind_its_last_picture_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that does not let itself be closed does so, too."""
    closing, release = threading.Event(), threading.Event()

    def close() -> None:
        closing.set()
        assert release.wait(60)

    monkeypatch.setattr(reader, "time", SimpleNamespace(monotonic=itertools.count(0, 100).__next__))
    thread = reading(Scripted(numbered(2), close))
    assert closing.wait(30)
    assert thread.silent_s > 0.0
    release.set()


def test_what_hangs_is_left_behind_but_only_twice(hang: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that hangs inside FFmpeg may hang for ever, and the camera be well."""
    monkeypatch.setattr(live_video, "SLACK_S", 0.0)
    monkeypatch.setattr(live_video, "TICK_S", 0.01)
    camera = LiveVideo(CAM, stream="cam", open_s=0.0, stall_s=0.05)
    whys = [_why(camera) for _ in range(5)]
    assert whys == ["rtsp://cam/x hangs"] * 3 + ["the last connection to rtsp://cam/x still hangs"] * 2
    hang.set()
    until(lambda: _ends(camera), "another try once those are over")


def _why(camera: LiveVideo) -> str:
    with pytest.raises(SourceAwayError) as failure:
        next(camera.follow(lambda: False))
    return str(failure.value)


def _ends(camera: LiveVideo) -> bool:
    try:
        next(camera.follow(lambda: False))
    except SourceAwayError as error:
        return str(error) == "released"
    return False


def test_what_nobody_has_taken_at_a_stop_is_counted() -> None:
    of, ended = how(), threading.Event()
    thread = reading(Scripted(numbered(5), ended.set), of)
    assert ended.wait(30)
    assert thread.take(10.0) is not None
    thread.close()
    thread.close()
    assert [(left.reason, left.count) for left in of.losses.so_far] == [(AT_STOP, 4)]


def test_a_picture_that_could_not_be_put_down_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(live_video, "Reader", lambda of: reading(Scripted(numbered(5), ended.set), of))
    camera = LiveVideo(CAM, stream="cam")
    pictures = camera.follow(lambda: False)
    assert [next(pictures).media_us, next(pictures).media_us] == [0, 1]
    assert ended.wait(30)
    pictures.close()  # type: ignore[attr-defined]  # as by a feed that was stopped with the second one in its hands
    assert [(left.reason, left.count) for left in camera.left_out] == [(AT_STOP, 4)]
