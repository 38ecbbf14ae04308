"""Access units become pictures in the ring: each its own, streams side by side, nothing guessed, nothing held for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from framehop import _core
from framehop.decode import Refused
from tests.fields import field_of
from tests.films import CLOSED, OPEN, Watcher, film, moved, taker

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

from framehop.decode import streams
from framehop.decode.video import VideoFrames
from tests.unit.video.decoding import SLOTS, Decode, numbers


@pytest.mark.parametrize(
    ("codec", "params", "bframes"),
    [("libx264", CLOSED, 0), ("libx264", CLOSED, 3), ("libx264", OPEN, 3), ("libx265", "keyint=10:min-keyint=10", 3)],
)
def test_each_unit_gives_its_own_picture(
    tmp_path: Path,
    frames: VideoFrames,
    ring: _core.Ring,
    watcher: Watcher,
    decode: Decode,
    codec: str,
    params: str,
    bframes: int,
) -> None:
    jobs = film(tmp_path / "film.mp4", 34, codec=codec, params=params, bframes=bframes)
    decode(jobs)
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(jobs) == numbers(jobs)
    assert ring.free_slots() == SLOTS


def test_streams_do_not_touch_each_other(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    one = film(tmp_path / "one.mp4", 20, bframes=3)
    two = moved(film(tmp_path / "two.mp4", 20, bframes=2, params=OPEN), stream="other")
    decode([job for pair in zip(one, two, strict=True) for job in pair])
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(one) == numbers(one)
    assert watcher.of(two) == numbers(two)


def test_more_is_held_back_than_there_are_slots_and_all_comes_out(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 10, bframes=3)
    streams = [moved(jobs, stream=f"cam-{k}") for k in range(6)]
    decode([job for each in zip(*streams, strict=True) for job in each])
    held = sum(len(each) for each in streams) - len(watcher.fates)
    assert held > ring.free_slots()
    watcher.watch(frames.drain(taker(ring)))
    for each in streams:
        assert watcher.of(each) == numbers(jobs)


def test_a_stalled_stream_gives_what_it_holds_when_others_go_on(
    tmp_path: Path, ring: _core.Ring, watcher: Watcher, frames: VideoFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    now = [1000.0]
    monkeypatch.setattr(streams, "time", SimpleNamespace(monotonic=lambda: now[0]))
    watcher.watch(frames.decode(jobs[:3], taker(ring)))
    held = 3 - len(watcher.fates)
    watcher.watch(frames.decode([], taker(ring)))
    assert held
    assert len(watcher.fates) == 3 - held
    now[0] += 2 * streams.HELD_FOR_S
    watcher.watch(frames.decode([], taker(ring)))
    assert len(watcher.fates) == 3
    for job in jobs[3:]:
        watcher.watch(frames.decode([job], taker(ring)))
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(jobs) == numbers(jobs)


def test_a_missing_frame_fails_what_needs_it(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 30)
    decode(jobs[:4] + jobs[5:])
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(jobs[5:10]) == [("corrupt_picture", -1)] * 5
    assert watcher.of(jobs[:4] + jobs[10:]) == numbers(jobs)[:4] + numbers(jobs)[10:]
    [why] = {outcome.why for outcome in watcher.outcomes if isinstance(outcome, Refused)}
    assert why.startswith("decode: ")
    assert "missing" in why


@pytest.mark.parametrize("missing", [5, 11])
def test_what_is_missing_in_the_middle_of_a_batch_touches_only_what_follows_it(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode, missing: int
) -> None:
    """This holds even when the frame before it is a key frame, which heals only what was missing before."""
    jobs = film(tmp_path / "film.mp4", 30)
    decode(jobs[:missing] + jobs[missing + 1 :])
    watcher.watch(frames.drain(taker(ring)))
    heals = next(k for k in range(missing + 1, 30) if jobs[k].record.meta.keyframe)
    assert watcher.of(jobs[:missing]) == numbers(jobs)[:missing]
    assert watcher.of(jobs[missing + 1 : heals]) == [("corrupt_picture", -1)] * (heals - missing - 1)
    assert watcher.of(jobs[heals:]) == numbers(jobs)[heals:]


def test_what_was_held_back_before_damage_does_not_wait_for_the_next_key_frame(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 30, params="keyint=100:scenecut=0", bframes=3)
    decode(jobs[:9])
    assert len(watcher.fates) < 9
    decode(jobs[10:])
    assert watcher.of(jobs[:9]) == numbers(jobs)[:9]
    assert watcher.of(jobs[10:]) == [("corrupt_picture", -1)] * 20


def test_a_unit_without_a_picture_of_its_own_is_not_shown(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    """It is such as the first field of a picture, which another program has put into a frame of its own. Where partitions are given
    up between the two fields, the first one can be answered all the same."""
    fields = [field_of(number, parity) for number in range(4) for parity in (0, 1)]
    jobs = [
        replace(job, record=replace(job.record, payload=memoryview(field)))
        for job, field in zip(film(tmp_path / "film.mp4", 8), fields, strict=True)
    ]
    decode(jobs[:7])
    watcher.watch(frames.release({jobs[0].record.meta.pointer.topic_partition}, taker(ring)))
    expected = [fate for number in range(4) for fate in (("not-shown", -1), ("picture", number))]
    assert watcher.of(jobs[:7]) == expected[:7]


def test_sixteen_cameras_that_stall_leave_every_slot_to_the_one_that_goes_on(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    """Their decoders hold pictures back because of B-frames, and those take none."""
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    stalled = [moved(jobs, stream=f"cam-{number}") for number in range(16)]
    decode([job for each in zip(*(jobs[:6] for jobs in stalled), strict=True) for job in each])
    held = 16 * 6 - len(watcher.fates)
    assert held > 16
    assert ring.free_slots() == SLOTS
    goes_on = moved(film(tmp_path / "other.mp4", 20), stream="goes-on")
    decode(goes_on)
    assert watcher.of(goes_on[:19]) == numbers(goes_on)[:19]
    assert len(watcher.fates) >= 16 * 6 - held + 19
    watcher.watch(frames.drain(taker(ring)))
    for each in stalled:
        assert watcher.of(each[:6]) == numbers(jobs)[:6]


def test_what_comes_before_the_first_key_frame_is_passed(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 20)
    decode(jobs[6:])
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(jobs[6:10]) == [("no-keyframe", -1)] * 4
    assert watcher.of(jobs[10:]) == numbers(jobs)[10:]


@pytest.mark.parametrize(("codec", "params"), [("libx264", "keyint=100:scenecut=0:open-gop=1"), ("libx265", OPEN)])
def test_a_beginning_at_an_open_group_gives_all_that_follows_on_the_screen(
    tmp_path: Path,
    frames: VideoFrames,
    ring: _core.Ring,
    watcher: Watcher,
    decode: Decode,
    codec: str,
    params: str,
) -> None:
    """This holds also when its pictures are asked for at once. No leading picture is guessed."""
    jobs = film(tmp_path / "film.mp4", 230, codec=codec, params=params, bframes=3)
    _, begin, *_ = [job.record.meta.key.seq for job in jobs if job.record.meta.keyframe]
    for job in jobs[begin:]:
        watcher.watch(frames.decode([job], taker(ring)))
        watcher.watch(frames.drain(taker(ring)))
    first_us = jobs[begin].record.meta.captured_us
    leading = {job.record.meta.key for job in jobs[begin:] if job.record.meta.captured_us < first_us}
    assert leading
    assert watcher.of(jobs[begin:]) == [
        ("no-keyframe", -1) if job.record.meta.key in leading else fate
        for job, fate in zip(jobs[begin:], numbers(jobs)[begin:], strict=True)
    ]
