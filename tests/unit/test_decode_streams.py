"""Decoders of films are bounded in number and memory: silent streams give way to others, newcomers wait, nothing is silent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from framehop import _core
from framehop.decode import DecodeJob, DecodeOptions, Refused
from framehop.types import Partition
from tests.clips import SIZE
from tests.films import CLOSED, Fate, Watcher, film, moved, taker

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

from framehop.decode import streams
from framehop.decode.needs import key_of
from framehop.decode.streams import VideoStreams
from framehop.decode.video import VideoFrames

P = Partition("frames", 0)
NO_DECODER = ("no-decoder", -1)
NO_KEYFRAME = ("no-keyframe", -1)


class Clock:
    """The monotonic clock of the streams."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(streams, "time", clock)
    return clock


class Worker:
    """Decodes jobs one by one, as they come."""

    def __init__(self, ring: _core.Ring, watcher: Watcher, options: DecodeOptions) -> None:
        self._ring, self._watcher = ring, watcher
        self.frames = VideoFrames(options)

    def take(self, jobs: list[DecodeJob]) -> list[Fate]:
        """Return the fates that are known once the pictures held back are asked for."""
        for job in jobs:
            self._watcher.watch(self.frames.decode([job], taker(self._ring)))
        self._watcher.watch(self.frames.drain(taker(self._ring)))
        return self._watcher.of(jobs)


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[tuple[_core.Ring, Watcher]]:
    with (
        _core.Ring.create(str(tmp_path / "ring"), slots=4, slot_bytes=1 << 16) as ring,
        _core.RingReader.attach(ring.path, role="detector") as reader,
    ):
        yield ring, Watcher(ring, reader)


def worker(place: tuple[_core.Ring, Watcher], video_bytes: int = 1 << 30) -> Worker:
    return Worker(*place, DecodeOptions(threads=1, max_pixels=1 << 20, video_bytes=video_bytes))


def pictures(*numbers: int) -> list[Fate]:
    return [("picture", number) for number in numbers]


def three(tmp_path: Path) -> list[list[DecodeJob]]:
    jobs = film(tmp_path / "film.mp4", 40)
    return [moved(jobs, stream=name) for name in "abc"]


def test_the_stream_that_has_been_silent_for_longest_gives_way(
    tmp_path: Path, watcher: tuple[_core.Ring, Watcher], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 2)
    a, b, c = three(tmp_path)
    run = worker(watcher)
    assert run.take(a[:3]) == pictures(0, 1, 2)
    clock.now_s += 2 * streams.IDLE_S
    assert run.take(b[:3] + c[:3]) == pictures(0, 1, 2) * 2
    clock.now_s += 2 * streams.IDLE_S
    assert run.take(b[3:4] + a[3:12]) == [*pictures(3), *[NO_KEYFRAME] * 7, *pictures(10, 11)]
    assert run.take(b[4:12]) == pictures(*range(4, 12))


def test_what_a_stream_held_comes_out_when_it_gives_way(
    tmp_path: Path, watcher: tuple[_core.Ring, Watcher], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 1)
    jobs = film(tmp_path / "held.mp4", 10, bframes=3)
    ring, seen = watcher
    frames = worker(watcher).frames
    for job in jobs[:6]:
        seen.watch(frames.decode([job], taker(ring)))
    assert len(seen.fates) < 6
    clock.now_s += 2 * streams.IDLE_S
    seen.watch(frames.decode(moved(jobs[:1], stream="other"), taker(ring)))
    assert {fate for fate, _ in seen.of(jobs[:6])} == {"picture"}


def test_where_no_stream_is_silent_the_newcomer_waits_for_a_key_frame_with_room(
    tmp_path: Path,
    watcher: tuple[_core.Ring, Watcher],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 2)
    a, b, c = three(tmp_path)
    run = worker(watcher)
    with caplog.at_level(logging.WARNING):
        assert run.take(a[:1] + b[:1] + c[:5]) == [*pictures(0, 0), *[NO_DECODER] * 5]
        assert run.take(a[1:20] + b[1:20]) == pictures(*range(1, 20)) * 2, "the others go on"
    [said] = caplog.messages
    assert "no decoder for stream c" in said
    assert "2 decoders" in said
    clock.now_s += 2 * streams.IDLE_S
    assert run.take(b[20:21] + c[5:12]) == [*pictures(20), *[NO_DECODER] * 5, *pictures(10, 11)]


def test_a_decoder_of_an_older_tenure_is_not_in_the_way_of_its_successor(
    tmp_path: Path, watcher: tuple[_core.Ring, Watcher], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 1)
    jobs = film(tmp_path / "film.mp4", 6)
    run = worker(watcher)
    assert run.take(jobs[:3]) == pictures(0, 1, 2)
    watcher[1].fates.clear()
    assert run.take([replace(job, record=replace(job.record, tenure=2)) for job in jobs]) == pictures(*range(6))


def test_a_camera_that_sends_a_frame_every_few_seconds_is_not_silent(
    tmp_path: Path, watcher: tuple[_core.Ring, Watcher], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 1)
    a, b, _ = three(tmp_path)
    run = worker(watcher)
    for k in range(3):
        assert run.take(a[k : k + 1]) == pictures(k)
        clock.now_s += 2 * streams.IDLE_S
    assert run.take(b[:1]) == [NO_DECODER]
    clock.now_s += 2 * streams.PAUSES * streams.IDLE_S
    assert run.take(b[10:11]) == pictures(10)


def test_the_memory_of_all_decoders_is_bounded(
    tmp_path: Path, watcher: tuple[_core.Ring, Watcher], clock: Clock
) -> None:
    a, b, c = three(tmp_path)
    run = worker(watcher, video_bytes=3 << 20)  # two of a MiB and small pictures
    assert run.take(a[:12] + b[:12]) == pictures(*range(12)) * 2
    assert run.take(c[:12]) == [NO_DECODER] * 12
    clock.now_s += 2 * streams.IDLE_S
    assert run.take(c[12:21]) == [*[NO_DECODER] * 8, *pictures(20)]


def test_one_stream_may_not_take_more_than_all(tmp_path: Path, watcher: tuple[_core.Ring, Watcher]) -> None:
    jobs = film(tmp_path / "film.mp4", 40, params=f"{CLOSED}:ref=8", bframes=3)
    ring, seen = watcher
    frames = worker(watcher, video_bytes=4 * SIZE[0] * SIZE[1] * 3 // 2).frames
    for job in jobs:
        seen.watch(frames.decode([job], taker(ring)))
    seen.watch(frames.drain(taker(ring)))
    assert len(seen.fates) == 40
    refused = [outcome for outcome in seen.outcomes if isinstance(outcome, Refused)]
    assert {outcome.error for outcome in refused} <= {"picture_too_large", "corrupt_picture"}
    assert any("its decoder would keep more pictures" in outcome.why for outcome in refused)


class Grown:
    """A decoder that has grown to this size."""

    def __init__(self, mib: int) -> None:
        self.bytes = mib << 20

    def take_held(self) -> list[_core.VideoOutcome]:
        return []


def test_after_growth_silent_streams_go_first_and_then_the_largest(tmp_path: Path, clock: Clock) -> None:
    jobs = film(tmp_path / "film.mp4", 1)
    decoders = {"a": Grown(10), "b": Grown(40), "c": Grown(30), "d": Grown(5)}
    opened = VideoStreams(100 << 20, lambda job: cast(_core.VideoDecoder, decoders[job.record.meta.key.stream]))

    def names(opened: VideoStreams) -> str:
        return "".join(sorted(stream for (_, stream), _ in opened.of({P})))

    def feed(streams: str) -> None:
        opened.feed({key_of(job): job for name in streams for job in moved(jobs, stream=name)})

    feed("a")
    clock.now_s += 2 * streams.IDLE_S
    feed("bcd")
    opened.trim()
    assert names(opened) == "abcd"
    decoders["c"].bytes += 60 << 20
    opened.trim()
    assert names(opened) == "bd", "first a, which is silent, then c"


def test_the_only_stream_stays_however_large(tmp_path: Path, clock: Clock) -> None:
    [job] = film(tmp_path / "film.mp4", 1)
    opened = VideoStreams(1 << 20, lambda _job: cast(_core.VideoDecoder, Grown(50)))
    opened.feed({key_of(job): job})
    opened.trim()
    assert len(opened) == 1
