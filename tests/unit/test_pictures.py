"""Pictures by the place of their frame, of films too: each the right one, and none decoded twice without need."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from framehop import _core
from framehop.errors import LogUnavailableError, OutOfMemoryError, PictureError
from framehop.protocols import NO_PICTURE, FrameLog
from framehop.sinks import film_decoder
from framehop.sinks.pictures import Pictures
from framehop.sources.passthrough import PassedVideo
from framehop.testing.memory_log import MemoryLog
from framehop.testing.synthetic import forged_jpeg, truncated_jpeg
from framehop.types import Frame, FrameKey, FrameMeta, FramePointer, FrameRecord
from tests.clips import number_in, write_film
from tests.feeder import Feeder, number_of
from tests.films import CLOSED, OPEN
from tests.logs import TIMEOUT_S

COUNT = 34
NEEDS_VIDEO = pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")


class Watched:
    """A log that counts what is read of it, and fails on demand."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.reads = self.looks = 0
        self.away = False

    def read_frame(self, pointer: FramePointer) -> FrameRecord | None:
        if self.away:
            raise LogUnavailableError("of the test")
        self.reads += 1
        return self._log.read_frame(pointer)

    def look_back(self, *args: object) -> Iterator[FrameMeta]:
        self.looks += 1
        return self._log.look_back(*args)  # type: ignore[arg-type]

    @property
    def as_log(self) -> FrameLog:
        return cast(FrameLog, self)


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    with MemoryLog(partitions=1) as log:
        yield log


def ingest(log: MemoryLog, path: Path, *streams: str) -> None:
    """Put a film into the log as it is, once for each stream, unit by unit in turns."""
    with log.writer() as writer:
        states = [writer.open_stream(stream, source=f"test:{path}", finite=False) for stream in streams or ("cam",)]
        for seq, unit in enumerate(PassedVideo(path, stream="cam").pictures()):
            for state in states:
                frame = Frame(
                    key=FrameKey(state.stream, state.epoch, seq),
                    payload=unit.payload,
                    captured_us=state.epoch + unit.media_us,
                    received_us=state.epoch + unit.media_us,
                    content_type=unit.content_type,
                    keyframe=unit.keyframe,
                )
                assert writer.append(frame)
        assert writer.flush(TIMEOUT_S)


def numbers_of(log: MemoryLog, stream: str = "cam") -> dict[FramePointer, int]:
    """Return the number in each frame's picture, in the order of the log."""
    metas = [meta for meta in log.scan_frames() if meta.key.stream == stream]
    on_screen = sorted(meta.captured_us for meta in metas)
    return {meta.pointer: on_screen.index(meta.captured_us) for meta in metas}


def shown(pictures: Pictures, pointer: FramePointer) -> int:
    still = pictures.still(pointer)
    assert still is not None
    return number_in(still.pixels(0, 0))


FILMS = pytest.mark.parametrize(
    ("codec", "params", "bframes"),
    [("libx264", CLOSED, 0), ("libx264", OPEN, 3), ("libx265", "keyint=10:open-gop=1", 3)],
)


@NEEDS_VIDEO
@FILMS
def test_each_place_shows_its_own_picture_in_any_order(
    tmp_path: Path, log: MemoryLog, codec: str, params: str, bframes: int
) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, codec=codec, params=params, bframes=bframes))
    numbers = numbers_of(log)
    mixed = list(numbers)
    random.Random(7).shuffle(mixed)
    for order in (list(numbers), list(numbers)[::3], list(numbers)[::-1], mixed):
        pictures = Pictures(log)
        assert [shown(pictures, pointer) for pointer in order] == [numbers[pointer] for pointer in order]


@NEEDS_VIDEO
def test_in_the_order_of_the_log_nothing_is_read_twice_and_nobody_looks_back(tmp_path: Path, log: MemoryLog) -> None:
    """The units of two films lie by turns, so that those of the other one lie between."""
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED, bframes=3), "cam", "other")
    watched, numbers = Watched(log), numbers_of(log)
    pictures = Pictures(watched.as_log)
    assert [shown(pictures, pointer) for pointer in numbers] == list(numbers.values())
    assert (watched.reads, watched.looks) == (2 * COUNT - 1, 0)


@NEEDS_VIDEO
def test_who_leaves_pictures_out_has_them_decoded_from_the_last_key_frame_on(
    tmp_path: Path, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    numbers, decoded = list(numbers_of(log)), []
    pool = _core.VideoPool(threads=1)

    class CountingPool:
        def decode(self, work: object) -> object:
            decoded.append(work)
            return pool.decode(work)  # type: ignore[arg-type]

    monkeypatch.setattr(_core, "VideoPool", lambda **_options: CountingPool())
    pictures = Pictures(log)
    assert [shown(pictures, numbers[place]) for place in (0, 8, 33)] == [0, 8, 33]
    assert len(decoded) == 1 + 8 + 4, "the picture of 33 begins at 30"


@NEEDS_VIDEO
def test_more_films_than_decoders_are_shown_all_the_same(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", 12, params=CLOSED), "a", "b", "c")
    found = [numbers_of(log, stream) for stream in "abc"]
    for pictures in (Pictures(log, max_films=2), Pictures(log, max_bytes=1)):
        for place in range(12):
            assert [shown(pictures, list(numbers)[place]) for numbers in found] == [place] * 3
        assert len(pictures._films) == (2 if pictures._max_films == 2 else 1)


@NEEDS_VIDEO
def test_decoded_pictures_that_wait_to_be_asked_for_are_bounded_by_their_bytes(
    tmp_path: Path, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED, bframes=3))
    numbers = numbers_of(log)
    places = list(numbers)
    still = Pictures(log).still(places[0])
    assert still is not None
    of_one = 2 * still.size[0] * still.size[1]
    monkeypatch.setattr(film_decoder, "KEPT_BYTES", 2 * of_one)
    pictures = Pictures(log)
    for place in (9, 8, 33, 0, 20):
        assert shown(pictures, places[place]) == numbers[places[place]]
        [film] = pictures._films.values()
        assert film._decoder is not None
        assert film._decoder._kept_bytes == sum(of_one for each in film._decoder._known.values() if each.picture)
        assert film._decoder._kept_bytes <= 2 * of_one


@NEEDS_VIDEO
def test_pictures_that_wait_are_given_up_before_decoders(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", 12, params=CLOSED), "a", "b")
    first, second = ([*numbers_of(log, stream)] for stream in "ab")
    pictures = Pictures(log)
    assert shown(pictures, first[8]) == 8
    [film] = pictures._films.values()
    waiting = film.bytes
    assert shown(pictures, second[0]) == 0
    pictures._max_bytes = sum(each.bytes for each in pictures._films.values()) - 1
    assert shown(pictures, second[1]) == 1
    assert len(pictures._films) == 2
    assert film.bytes < waiting
    assert [shown(pictures, place) for place in (first[9], first[2])] == [9, 2]


@NEEDS_VIDEO
def test_a_new_epoch_is_another_film(tmp_path: Path, log: MemoryLog) -> None:
    path = write_film(tmp_path / "film.mp4", 5, params=CLOSED)
    ingest(log, path)
    ingest(log, path)
    pictures = Pictures(log)
    assert [shown(pictures, meta.pointer) for meta in log.scan_frames()] == [*range(5), *range(5)]


@NEEDS_VIDEO
def test_without_its_key_frame_a_picture_is_refused_until_the_next_one(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    numbers = list(numbers_of(log))
    log.faults.drop_before(0, 4)
    watched = Watched(log)
    pictures = Pictures(watched.as_log)
    assert pictures.still(numbers[3]) is None, "retention has taken it"
    for place in range(4, 10):
        with pytest.raises(PictureError, match="does not have its key frame"):
            pictures.still(numbers[place])
    assert watched.looks == 3, "the first one looks for it, and the others know"
    assert [shown(pictures, pointer) for pointer in numbers[10:]] == list(range(10, COUNT))


@NEEDS_VIDEO
def test_a_lost_unit_spoils_what_needs_it_and_nothing_else(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    numbers = list(numbers_of(log))
    log.faults.lose_payload(numbers[14])
    pictures = Pictures(log)
    assert [shown(pictures, pointer) for pointer in numbers[:14]] == list(range(14))
    with pytest.raises(PictureError, match="lost data"):
        pictures.still(numbers[14])
    for pointer in numbers[15:20]:
        with pytest.raises(PictureError, match="frames are missing"):
            pictures.still(pointer)
    assert [shown(pictures, pointer) for pointer in numbers[20:]] == list(range(20, COUNT))


@NEEDS_VIDEO
def test_after_an_error_of_the_log_the_same_picture_can_be_shown(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    numbers, watched = list(numbers_of(log)), Watched(log)
    pictures = Pictures(watched.as_log)
    assert shown(pictures, numbers[3]) == 3
    record = log.read_frame(numbers[8])
    assert record is not None
    watched.away = True
    with pytest.raises(LogUnavailableError):
        pictures.still_of(record)
    watched.away = False
    assert shown(pictures, numbers[8]) == 8


@NEEDS_VIDEO
def test_after_a_lack_of_memory_decoding_begins_anew(
    tmp_path: Path, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what a decoder holds then."""
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    numbers, failures = list(numbers_of(log)), [False] * 6 + [True]
    pool = _core.VideoPool(threads=1)

    class FailingPool:
        def decode(self, work: object) -> object:
            if failures and failures.pop(0):
                raise OutOfMemoryError("of the test")
            return pool.decode(work)  # type: ignore[arg-type]

    monkeypatch.setattr(_core, "VideoPool", lambda **_options: FailingPool())
    pictures = Pictures(log)
    assert shown(pictures, numbers[3]) == 3
    with pytest.raises(OutOfMemoryError):
        pictures.still(numbers[8])
    assert [shown(pictures, numbers[place]) for place in (8, 9)] == [8, 9]


def test_an_event_is_seen_with_its_picture(log: MemoryLog) -> None:
    with Feeder(log) as feeder:
        [event] = feeder.feed("a", 3)
    seen = Pictures(log).seen(event)
    assert (seen.event, seen.why) == (event, "")
    assert seen.picture is not None
    assert (seen.picture.shape, str(seen.picture.dtype), number_of(seen.picture)) == ((48, 64, 3), "uint8", 3)
    with pytest.raises(ValueError, match="read-only"):
        seen.picture[0, 0, 0] = 1


def test_why_there_is_no_picture(log: MemoryLog) -> None:
    with Feeder(log) as feeder:
        [gone] = feeder.feed("a", 1)
        [failed] = feeder.feed("a", 2, outcome="failed", reason="corrupt_picture: of the test")
        [torn] = feeder.feed("a", 3, payload=truncated_jpeg())
        [bomb] = feeder.feed("a", 4, payload=forged_jpeg(60_000, 60_000))
        [lost, other] = feeder.feed("a", 5, 6)
    log.faults.drop_before(0, 1)
    log.faults.lose_payload(lost.frame)
    pictures = Pictures(log)
    assert pictures.seen(gone) == (gone, None)
    assert pictures.seen(gone).why == "no longer in the log"
    assert pictures.seen(failed).why == "failed: corrupt_picture: of the test", "its bytes are not decoded"
    for event, why in ((torn, "cannot be shown: "), (bomb, "cannot be shown: "), (lost, "cannot be shown: lost data")):
        seen = pictures.seen(event)
        assert seen.picture is None
        assert seen.why.startswith(why)
    moved = pictures.seen(replace(torn, frame=other.frame))
    assert moved.picture is None
    assert f"holds frame {other.key}" in moved.why, "never another frame's picture"


def test_what_is_no_picture_says_so(log: MemoryLog) -> None:
    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        for seq, (kind, error) in enumerate([(NO_PICTURE, "unreadable: a.txt"), ("image/webp", "")]):
            key = FrameKey("a", state.epoch, seq)
            frame = Frame(key=key, payload=b"text", captured_us=1, received_us=1, content_type=kind, error=error)
            assert writer.append(frame)
        assert writer.flush(TIMEOUT_S)
    without, strange = (meta.pointer for meta in log.scan_frames())
    with pytest.raises(PictureError, match=r"unreadable: a\.txt"):
        Pictures(log).still(without)
    with pytest.raises(PictureError, match="image/webp is no picture"):
        Pictures(log).still(strange)
