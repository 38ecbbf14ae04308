"""Films that are ingested as they are: interrupted ones go on in the codec that they began with."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from framehop.log import LogOptions, open_log
from framehop.pipeline.ingest.ingest import ingest
from framehop.protocols import FrameLog, Picture, Source
from framehop.sources.passthrough import PassedVideo
from framehop.sources.video import VideoSource
from tests.clips import write_film
from tests.films import OPEN

COUNT = 30


class _Until:
    """A source that raises the stop signal in front of a picture."""

    def __init__(self, source: Source, seq: int, stop: threading.Event) -> None:
        self._source, self._seq, self._stop = source, seq, stop
        self.stream, self.uri, self.rate, self.finite = source.stream, source.uri, source.rate, source.finite
        self.count, self.version = source.count, getattr(source, "version", "")
        self.length_us = getattr(source, "length_us", 0)

    def pictures(self, start_seq: int = 0):  # type: ignore[no-untyped-def]
        for seq, picture in enumerate(self._source.pictures(start_seq), start_seq):
            if seq == self._seq:
                self._stop.set()
            yield picture


def interrupted(log: FrameLog, source: Source, seq: int) -> None:
    stop = threading.Event()
    summary = ingest(log, [_Until(source, seq, stop)], rate="max", stop=stop)
    assert summary.stopped


def in_the_log(log: FrameLog) -> list[tuple[int, int, bytes]]:
    """Return epoch, seq and bytes of every frame."""
    found = []
    for meta in log.scan_frames():
        record = log.read_frame(meta.pointer)
        assert record is not None
        assert record.payload is not None
        found.append((meta.key.epoch, meta.key.seq, bytes(record.payload)))
    return found


def payloads(source: Source) -> list[bytes]:
    pictures: list[Picture] = list(source.pictures())
    return [picture.payload for picture in pictures]


@pytest.mark.parametrize("seq", [3, 10, 17])
def test_an_interrupted_film_goes_on_with_the_next_unit(tmp_path: Path, seq: int) -> None:
    source = PassedVideo(write_film(tmp_path / "film.mp4", COUNT, params=OPEN, bframes=3), stream="film")
    with open_log(tmp_path / "log", options=LogOptions(reserve_bytes=0)) as log:
        interrupted(log, source, seq)
        summary = ingest(log, [source], rate="max")
        found = in_the_log(log)
    assert summary.streams["film"].before == seq
    assert len({epoch for epoch, _, _ in found}) == 1
    assert [unit for _, _, unit in found] == payloads(source)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_times_tell_the_order_on_the_screen_however_fast_a_film_is_read(tmp_path: Path, name: str) -> None:
    source = PassedVideo(write_film(tmp_path / name, COUNT, params=OPEN, bframes=3), stream="film")
    with open_log(tmp_path / "log", options=LogOptions(reserve_bytes=0)) as log:
        interrupted(log, source, 13)
        ingest(log, [source], rate="max")
        metas = list(log.scan_frames())
    media = [picture.media_us for picture in source.pictures()]
    assert {meta.captured_us - media[meta.key.seq] for meta in metas} == {metas[0].captured_us - media[0]}
    assert all(meta.captured_us <= meta.received_us for meta in metas)


def test_in_another_codec_it_begins_anew_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_film(tmp_path / "film.mp4", COUNT)
    jpegs, units = VideoSource(path, stream="film"), PassedVideo(path, stream="film")
    with open_log(tmp_path / "log", options=LogOptions(reserve_bytes=0)) as log:
        interrupted(log, jpegs, 4)
        with caplog.at_level(logging.WARNING):
            ingest(log, [units], rate="max")
        found = in_the_log(log)
    [first, second] = sorted({epoch for epoch, _, _ in found})
    assert [unit for epoch, _, unit in found if epoch == first] == payloads(jpegs)[:4]
    assert [unit for epoch, _, unit in found if epoch == second] == payloads(units)
    assert "begins anew" in caplog.text
