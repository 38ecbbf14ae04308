"""Films of a log: the frames that are there, boxes where the events say, nothing half written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from framehop.errors import ClosedError, ConfigError, SystemCallError
from framehop.protocols import FrameLog
from framehop.sinks.annotate import annotate
from framehop.sinks.colours import label_colour
from framehop.sinks.drawing import draw_caption, draw_objects, grey_card
from framehop.sinks.mp4 import Mp4Writer
from framehop.sinks.picture import annotated_picture
from framehop.sinks.pillow import Image
from framehop.sinks.shots import shots_by_stream
from framehop.sinks.wall import _grid, still, wall
from framehop.testing.synthetic import forged_jpeg, jpeg, truncated_jpeg
from framehop.types import DetectedObject, Event, EventRecord, FrameKey, FrameMeta, FramePointer, FrameRecord, Outcome
from tests.frames import record_of

_START = 1_700_000_000_000_000
_SIZE = (320, 240)
Pixels = NDArray[np.uint8]


class _Log:
    """A log in a list: frames by offset, events in order. As its own reader it is closed after each use."""

    url = "memory:"

    def __init__(self) -> None:
        self._frames: list[FrameRecord] = []
        self._events: list[EventRecord] = []

    def add(
        self,
        stream: str,
        seq: int,
        payload: bytes | None = None,
        *,
        epoch: int = _START,
        captured_us: int | None = None,
    ) -> None:
        payload = jpeg(*_SIZE, shade=seq) if payload is None else payload
        captured_us = epoch + seq * 100_000 if captured_us is None else captured_us
        width, height = _SIZE
        record = record_of(
            seq,
            stream=stream,
            epoch=epoch,
            offset=len(self._frames),
            payload=payload,
            captured_us=captured_us,
            width=width,
            height=height,
        )
        self._frames.append(record)

    def tell(
        self,
        stream: str,
        seq: int,
        *objects: DetectedObject,
        outcome: Outcome = "detected",
        reason: str = "",
        lane: str = "main",
        total_ms: float | None = None,
    ) -> None:
        key = FrameKey(stream, _START, seq)
        event = Event(
            event_id=key.event_id(lane),
            lane=lane,
            outcome=outcome,
            reason=reason,
            stream=stream,
            epoch=_START,
            seq=seq,
            captured_at="",
            received_at="",
            clock="ingest",
            width=_SIZE[0],
            height=_SIZE[1],
            frame=FramePointer(topic="frames", partition=0, offset=0),
            writer="test",
            objects=list(objects),
            stages_ms={} if total_ms is None else {"total": total_ms},
        )
        self._events.append(EventRecord(event=event, raw=b"", offset=len(self._events), appended_us=0))

    def scan_frames(self) -> Iterator[FrameMeta]:
        return (record.meta for record in self._frames)

    def read_frame(self, pointer: FramePointer) -> FrameRecord | None:
        return self._frames[pointer.offset]

    def events(self) -> _Log:
        return self

    def __iter__(self) -> Iterator[EventRecord]:
        return iter(self._events)

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *exc: object) -> None:
        """Do nothing: there is nothing to close."""

    @property
    def as_log(self) -> FrameLog:
        return cast(FrameLog, self)


def _box(label: str = "cat", box: tuple[float, float, float, float] = (100, 80, 200, 180)) -> DetectedObject:
    return DetectedObject(label=label, label_id=1, confidence=0.9, box=box)


def _film(path: Path) -> tuple[list[float], list[Pixels]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name in ("vp9", "libvpx-vp9")
        frames = list(container.decode(stream))
        return [float(frame.time or 0) for frame in frames], [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames
        ]


def _near(pixels: Pixels, at: tuple[int, int], colour: tuple[int, int, int], tolerance: int = 60) -> bool:
    """Whether the colour is within two pixels of (x, y): lossy video moves edges a little."""
    x, y = at
    patch = pixels[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].astype(int)
    return bool((np.abs(patch - colour).max(axis=2) <= tolerance).any())


def test_a_film_has_every_frame_at_its_time_with_its_boxes(tmp_path: Path) -> None:
    log = _Log()
    for seq, captured_us in enumerate([0, 100_000, 200_000, 700_000]):
        log.add("a", seq, captured_us=_START + captured_us)
        log.tell("a", seq, *([_box()] if seq % 2 else []))
    seen: list[tuple[int, int]] = []
    count = annotate(log.as_log, tmp_path / "a.mp4", on_progress=lambda done, total: seen.append((done, total)))
    times, pictures = _film(tmp_path / "a.mp4")
    assert count == 4
    assert times == pytest.approx([0, 0.1, 0.2, 0.7], abs=1e-4)
    for seq, picture in enumerate(pictures):
        assert picture.shape == (240, 320, 3)
        assert all(
            _near(picture, at, label_colour("cat")) == bool(seq % 2) for at in ((200, 130), (150, 180), (100, 150))
        )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_bad_pictures_and_failed_frames_become_cards(tmp_path: Path) -> None:
    log = _Log()
    log.add("a", 0, forged_jpeg())
    log.tell("a", 0, outcome="failed", reason="picture_too_large")
    log.add("a", 1, truncated_jpeg())
    log.add("a", 2, forged_jpeg(60_000, 60_000))
    log.add("a", 3)
    assert annotate(log.as_log, tmp_path / "a.mp4") == 4
    _, pictures = _film(tmp_path / "a.mp4")
    for picture in pictures[:3]:
        assert _near(picture, (4, 4), (96, 96, 96), 12)
    assert not _near(pictures[3], (4, 4), (96, 96, 96), 12)


def test_the_first_event_wins_and_other_lanes_are_not_ours() -> None:
    log = _Log()
    log.add("a", 0)
    log.tell("a", 0, _box("dog"), lane="shadow")
    log.tell("a", 0, _box("cat"))
    log.tell("a", 0, outcome="skipped", reason="late")
    (shot,) = shots_by_stream(log.as_log)["a"]
    assert shot.event is not None
    assert [found.label for found in shot.event.objects] == ["cat"]


def test_the_last_epoch_is_shown_and_time_always_moves_on() -> None:
    log = _Log()
    log.add("a", 0)
    later = _START + 10**9
    for seq, captured_us in enumerate([0, 40_000, 20_000, 3_600_000_000]):
        log.add("a", seq, epoch=later, captured_us=later + captured_us)
    shots = shots_by_stream(log.as_log)["a"]
    assert [shot.pointer.offset for shot in shots] == [1, 2, 3, 4]
    assert [shot.at_us for shot in shots] == [0, 40_000, 80_000, 10_080_000]


def test_how_many_frames_of_earlier_epochs_are_left_out_is_told(tmp_path: Path) -> None:
    log, told = _Log(), list[int]()
    for epoch, count in ((_START, 3), (_START + 10**9, 2)):
        for seq in range(count):
            log.add("a", seq, epoch=epoch)
    log.add("a", 3)  # of the first epoch, and late
    assert annotate(log.as_log, tmp_path / "a.mp4", stream="a", on_earlier=told.append) == 2
    assert annotate(log.as_log, tmp_path / "a.mp4", since_us=_START + 200_000, on_earlier=told.append) == 2
    assert annotate(log.as_log, tmp_path / "a.mp4", since_us=_START + 10**9, on_earlier=told.append) == 2
    assert told == [4, 2, 0]


def test_frames_captured_before_a_moment_are_left_out() -> None:
    log = _Log()
    for seq in range(4):
        log.add("a", seq, captured_us=_START + seq * 40_000)
    shots = shots_by_stream(log.as_log, since_us=_START + 80_000)["a"]
    assert [(shot.pointer.offset, shot.at_us) for shot in shots] == [(2, 0), (3, 40_000)]
    assert shots_by_stream(log.as_log, since_us=_START + 10**9) == {}


def test_which_stream_must_be_clear(tmp_path: Path) -> None:
    log = _Log()
    with pytest.raises(ConfigError, match="no frames in memory:"):
        annotate(log.as_log, tmp_path / "x.mp4")
    log.add("a", 0)
    log.add("b", 0)
    with pytest.raises(ConfigError, match="choose one of a, b"):
        annotate(log.as_log, tmp_path / "x.mp4")
    with pytest.raises(ConfigError, match=r"'c'.*streams there: a, b"):
        annotate(log.as_log, tmp_path / "x.mp4", stream="c")
    assert annotate(log.as_log, tmp_path / "x.mp4", stream="b") == 1


def test_a_film_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    log = _Log()
    for seq in range(3):
        log.add("a", seq)

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate(log.as_log, tmp_path / "a.mp4", on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    log = _Log()
    log.add("a", 0)
    with pytest.raises(SystemCallError, match="choose a directory that exists"):
        annotate(log.as_log, tmp_path / "nowhere" / "a.mp4")
    with pytest.raises(ConfigError, match=r"ends in \.mp4"):
        annotate(log.as_log, tmp_path / "a.mkv")


def test_a_name_that_is_taken_by_a_directory(tmp_path: Path) -> None:
    log = _Log()
    log.add("a", 0)
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(SystemCallError, match=r"cannot write .*directory"):
        annotate(log.as_log, tmp_path / "a.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_writer_closes_twice_and_refuses_use_after(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "a.mp4", (64, 48), rate=10)
    writer.write(Image.new("RGB", (64, 48)), 0)
    writer.close()
    writer.close()
    writer.discard()
    assert (tmp_path / "a.mp4").stat().st_size > 0
    with pytest.raises(ClosedError, match="is closed"):
        writer.write(Image.new("RGB", (64, 48)), 1)


def test_large_pictures_are_made_smaller_and_boxes_with_them() -> None:
    log = _Log()
    log.add("a", 0, jpeg(3840, 2160))
    log.tell("a", 0, _box(box=(1000, 1000, 2000, 2000)))
    record, event = log.read_frame(FramePointer(topic="", partition=0, offset=0)), log._events[0].event
    image = annotated_picture(record, event)
    assert image.size == (1920, 1080)
    assert _near(np.asarray(image), (750, 1000), label_colour("cat"), 0)
    tile = np.asarray(annotated_picture(record, event, size=(400, 400)))  # 400 x 225, centred
    assert tile.shape == (400, 400, 3)
    assert _near(tile, (156, 88 + 208), label_colour("cat"), 0)
    assert tile[:80].max() == 0


@pytest.mark.parametrize(
    "box",
    [
        (-50, -50, 20, 20),
        (300, 220, 500, 500),
        (5, 5, 5, 5),
        (50, 50, 10, 10),
        (float("nan"), 0, 9, 9),
        (0, 0, 1e30, 1e30),
    ],
)
def test_no_box_breaks_a_picture(box: tuple[float, float, float, float]) -> None:
    image = Image.new("RGB", (320, 240))
    draw_objects(image, [_box(box=box)], (1.0, 1.0))
    assert image.size == (320, 240)


def test_hostile_text_is_only_text() -> None:
    for text in ("x" * 100_000, "\x00\n\r\ufffe\U0001f600", ""):
        assert grey_card((64, 48), text).size == (64, 48)
        draw_caption(Image.new("RGB", (64, 48)), text)


def test_a_label_keeps_its_colour() -> None:
    assert label_colour("person") == label_colour("person")
    assert len({label_colour(label) for label in ("person", "cat", "dog", "motorcycle", "bicycle", "car")}) >= 4


def test_a_wall_shows_every_stream_in_its_place_until_the_end(tmp_path: Path) -> None:
    log = _Log()
    for seq in range(5):
        log.add("a", seq, jpeg(*_SIZE, shade=255))
    log.add("b", 0, jpeg(*_SIZE, shade=0), captured_us=_START + 77_000_000)  # its own start counts
    log.tell("b", 0, _box(box=(0, 0, 319, 239)))
    count = wall(log.as_log, ["b", "a"], tmp_path / "wall.mp4", size=(640, 240), fps=10)
    times, pictures = _film(tmp_path / "wall.mp4")
    assert count == 5
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-4)
    for picture in pictures:
        assert _near(picture, (318, 200), label_colour("cat"), 80)
        assert picture[60:180, 400:600, 0].mean() > 200
        assert picture[60:180, 80:240, 0].mean() < 60


def test_a_wall_of_unknown_or_too_many_streams(tmp_path: Path) -> None:
    log = _Log()
    log.add("a", 0)
    with pytest.raises(ConfigError, match=r"no frames of x.*streams there: a"):
        wall(log.as_log, ["a", "x"], tmp_path / "w.mp4")
    with pytest.raises(ConfigError, match="1 to 9 streams, not 10"):
        wall(log.as_log, ["a"] * 10, tmp_path / "w.mp4")


@pytest.mark.parametrize("count", range(1, 10))
def test_tiles_lie_side_by_side(count: int) -> None:
    covered = np.zeros((90, 160), int)
    for left, top, right, bottom in _grid(count, (160, 90)):
        covered[top:bottom, left:right] += 1
    assert covered.max() == 1
    assert covered.mean() >= 0.6


def test_a_tile_says_stream_pace_and_age(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = _Log()
    for seq in range(25):
        log.add("gate", seq, captured_us=_START + seq * 40_000)
        log.tell("gate", seq, total_ms=84.4 if seq < 20 else 2345.0)
    log.add("door", 0)
    log.add("slow", 0)
    log.add("slow", 1, captured_us=_START + 5_000_000)
    said: list[str] = []
    monkeypatch.setattr("framehop.sinks.wall.draw_caption", lambda _image, text: said.append(text))
    wall(log.as_log, ["gate", "door", "slow"], tmp_path / "wall.mp4", size=(320, 240), fps=25)
    assert said[:3] == ["gate · 25 fps · 84 ms old", "door · 1 frame · age unknown", "slow · under 1 fps · age unknown"]
    assert said[-2:] == ["gate · 25 fps · 2.3 s old", "slow · under 1 fps · age unknown"]


def test_a_still_shows_the_newest_boxes_of_every_stream() -> None:
    log = _Log()
    for seq in range(4):
        for stream in ("a", "b"):
            log.add(stream, seq, jpeg(*_SIZE, shade=60 * seq))
            log.tell(stream, seq, *([_box(box=(0, 0, 319, 239))] if (stream, seq) in {("a", 1), ("a", 2)} else []))

    def shades(at_us: int | None) -> list[int]:
        pixels = np.asarray(still(log.as_log, ["a", "b"], size=(640, 240), at_us=at_us))
        return [round(pixels[60:180, x : x + 80, 0].mean() / 60) for x in (120, 440)]

    assert shades(None) == [2, 3], "of b, which has no boxes, the newest"
    assert shades(150_000) == [1, 1]
    assert shades(-1) == [0, 0]
