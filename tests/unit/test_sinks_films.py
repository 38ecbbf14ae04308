"""Films in the log are shown as JPEGs are: each frame's own picture, whatever the order in which one looks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

from framehop import _core
from framehop.errors import PictureError
from framehop.protocols import FrameLog
from framehop.sinks.film import Film, film_picture
from framehop.sinks.picture import annotated_picture
from framehop.testing.memory_log import MemoryLog
from framehop.types import FrameKey, FramePointer, FrameRecord
from tests.clips import number_in, write_film
from tests.films import CLOSED, OPEN

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

from framehop.sinks.annotate import annotate
from framehop.sinks.wall import still
from tests.logged_films import ingest, numbers_of

COUNT = 34


class Counting:
    """A log that counts what is read of it."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.reads = 0

    def read_frame(self, pointer: FramePointer) -> FrameRecord | None:
        self.reads += 1
        return self._log.read_frame(pointer)


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    with MemoryLog(partitions=1) as log:
        yield log


def shown(film: Film, key: FrameKey) -> int:
    return number_in(film.still(key).pixels(0, 0))


@pytest.mark.parametrize(
    ("codec", "params", "bframes"),
    [("libx264", CLOSED, 0), ("libx264", OPEN, 3), ("libx265", "keyint=10:open-gop=1", 3)],
)
def test_each_frame_shows_its_own_picture_in_any_order(
    tmp_path: Path, log: MemoryLog, codec: str, params: str, bframes: int
) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, codec=codec, params=params, bframes=bframes))
    metas = list(log.scan_frames())
    numbers = numbers_of(metas)
    mixed = list(numbers)
    random.Random(7).shuffle(mixed)
    for order in (list(numbers), [meta.key for meta in metas], list(numbers)[::-1], mixed):
        film = Film(log, metas)
        assert [shown(film, key) for key in order] == [numbers[key] for key in order]


def test_in_the_order_of_the_screen_each_unit_is_read_once(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED, bframes=3))
    metas, counting = list(log.scan_frames()), Counting(log)
    film = Film(cast(FrameLog, counting), metas)
    assert [shown(film, key) for key in numbers_of(metas)] == list(range(COUNT))
    assert counting.reads == COUNT


def test_who_skips_ahead_reads_from_the_next_key_frame_only(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    metas, counting = list(log.scan_frames()), Counting(log)
    film = Film(cast(FrameLog, counting), metas)
    assert (shown(film, metas[0].key), shown(film, metas[32].key)) == (0, 32)
    assert counting.reads <= 1 + 3


def test_a_frame_whose_key_frame_is_gone_says_so_and_the_next_group_is_shown(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    log.faults.drop_before(0, 4)
    metas = list(log.scan_frames())
    film = Film(log, metas)
    with pytest.raises(PictureError, match="does not have its key frame"):
        film.still(metas[0].key)
    assert shown(film, metas[6].key) == 10


def test_a_key_frame_that_is_no_film_begins_none(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    metas = [replace(meta, content_type="image/jpeg") if meta.key.seq == 0 else meta for meta in log.scan_frames()]
    with pytest.raises(PictureError, match="does not have its key frame"):
        Film(log, metas).still(metas[1].key)


def test_a_lost_frame_spoils_what_needs_it_and_nothing_else(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED))
    metas = list(log.scan_frames())
    log.faults.lose_payload(metas[14].pointer)
    film = Film(log, metas)
    assert [shown(film, meta.key) for meta in metas[:14]] == list(range(14))
    with pytest.raises(PictureError, match="not in the log"):
        film.still(metas[14].key)
    for meta in metas[15:20]:
        with pytest.raises(PictureError, match="frames are missing"):
            film.still(meta.key)
    assert [shown(film, meta.key) for meta in metas[20:]] == list(range(20, COUNT))


def test_one_frame_of_a_film_is_found_by_itself(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "other.mp4", 12, params=CLOSED), stream="other")
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=OPEN, bframes=3))
    metas = [meta for meta in log.scan_frames() if meta.key.stream == "cam"]
    for meta in (metas[0], metas[17], metas[-1]):
        assert number_in(film_picture(log, meta).pixels(0, 0)) == numbers_of(metas)[meta.key]


def test_a_film_of_a_film_has_its_pictures_in_the_order_of_the_screen(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=OPEN, bframes=3))
    assert annotate(log, tmp_path / "out.mp4") == COUNT
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]
    assert [number_in(frame) for frame in frames] == list(range(COUNT))


def test_it_may_begin_in_mid_group(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED, bframes=3))
    since = sorted(meta.captured_us for meta in log.scan_frames())[16]
    assert annotate(log, tmp_path / "out.mp4", since_us=since) == COUNT - 16
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]
    assert [number_in(frame) for frame in frames] == list(range(16, COUNT))


def test_a_wall_shows_films_too(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", COUNT, params=CLOSED, bframes=3))
    assert number_in(np.asarray(still(log, ["cam"], size=(160, 64)))) == COUNT - 1


def test_pictures_stand_upright(tmp_path: Path, log: MemoryLog) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", 1))
    [meta] = log.scan_frames()
    upright = Film(log, [meta]).still(meta.key)
    turned = replace(meta, content_type="video/h264;orientation=6")
    lying = Film(log, [turned]).still(meta.key)
    assert (upright.size, lying.size) == ((160, 64), (64, 160))
    assert np.array_equal(lying.pixels(0, 0), np.rot90(upright.pixels(0, 0), -1))


def test_without_a_decoder_a_card_says_why(tmp_path: Path, log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(log, write_film(tmp_path / "film.mp4", 2))
    [meta, _] = log.scan_frames()
    said: list[str] = []
    monkeypatch.setattr("framehop.sinks.picture.grey_card", lambda _size, text: said.append(text))
    annotated_picture(log.read_frame(meta.pointer), None)
    assert said == ["cannot be shown: video/h264; this build of framehop decodes no video"]
