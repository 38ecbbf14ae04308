"""Tests of what a decoder holds when an epoch, a tenure or the ownership of a partition ends."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from framehop import _core
from framehop.decode import Decoded, Outcome, Rounds
from tests.films import Watcher, film, moved, taker, with_meta

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

from framehop.decode import streams
from framehop.decode.needs import key_of
from framehop.decode.video import VideoFrames
from tests.unit.video.decoding import SLOTS, Decode, numbers


def test_a_new_epoch_ends_the_old_one_and_gives_what_it_held(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 10, bframes=3)
    later = moved(jobs, epoch=2)
    decode(jobs)
    assert len(watcher.fates) < 10
    decode(later[:2])
    assert watcher.of(jobs) == numbers(jobs)
    decode(later[2:])
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(later) == numbers(jobs)


def test_the_last_frames_of_an_epoch_may_come_together_with_the_next_one(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher
) -> None:
    jobs = film(tmp_path / "film.mp4", 10, bframes=3)
    both = [*jobs, *moved(jobs, epoch=2)]
    for begin in (0, 4, 8, 12, 16):
        watcher.watch(frames.decode(both[begin : begin + 4], taker(ring)))
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(both) == numbers(jobs) * 2


def test_epochs_in_two_partitions_do_not_end_each_other(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    """It happens when a topic gets more partitions: the stream's next epoch is in another one while the last is still read."""
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    later = [with_meta(job, pointer=replace(job.record.meta.pointer, partition=1)) for job in moved(jobs, epoch=2)]
    decode([job for pair in zip(jobs, later, strict=True) for job in pair])
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(jobs) == watcher.of(later) == numbers(jobs)


def test_a_frame_that_the_log_holds_twice_has_two_outcomes(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring
) -> None:
    """A copy of a topic may repeat records, also those whose pictures are held back."""
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    offsets: list[int] = []
    for offset, job in enumerate([*jobs[:6], *jobs[4:]]):
        placed = with_meta(job, pointer=replace(job.record.meta.pointer, offset=offset))
        offsets += _answered(frames.decode([placed], taker(ring)), ring)
    offsets += _answered(frames.drain(taker(ring)), ring)
    assert sorted(offsets) == list(range(22))


def test_a_stream_that_shows_no_picture_does_not_hold_back_ever_more(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_HELD", 1)
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    for fed, job in enumerate(jobs, 1):
        watcher.watch(frames.decode([job], taker(ring)))
        assert fed - len(watcher.fates) <= 1
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(jobs) == numbers(jobs)


def _answered(rounds: Rounds, ring: _core.Ring) -> list[int]:
    """The offsets of the frames that have an outcome, in its order."""
    outcomes = [outcome for outcomes in map(partial(_retired, ring), rounds) for outcome in outcomes]
    return [outcome.job.record.meta.pointer.offset for outcome in outcomes]


def _retired(ring: _core.Ring, outcomes: list[Outcome]) -> list[Outcome]:
    for outcome in outcomes:
        if isinstance(outcome, Decoded):
            ring.retire(outcome.ref)
    return outcomes


def test_frames_read_again_under_a_new_tenure_do_not_meet_the_old_ones(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    decode(jobs[:8])
    watcher.fates.clear()
    again = [replace(job, record=replace(job.record, tenure=2)) for job in jobs]
    decode(again)
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(again) == numbers(jobs)


def test_what_is_held_of_partitions_that_are_given_up_comes_out_and_their_decoders_end(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    stays = [
        with_meta(job, pointer=replace(job.record.meta.pointer, partition=1)) for job in moved(jobs, stream="stays")
    ]
    decode([job for pair in zip(jobs[:7], stays[:7], strict=True) for job in pair])
    held = [job for job in jobs[:7] if job.record.meta.key not in watcher.fates]
    before = len(watcher.fates)
    assert held
    watcher.watch(frames.release({jobs[0].record.meta.pointer.topic_partition}, taker(ring)))
    assert len(watcher.fates) == before + len(held), "the other partition keeps what it holds"
    assert watcher.of(jobs[:7]) == numbers(jobs)[:7]
    decode([*stays[7:], *jobs[7:]])
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(stays) == numbers(jobs)
    assert watcher.of(jobs[7:10]) == [("no-keyframe", -1)] * 3, "its decoder begins anew"


def test_what_finds_no_slot_when_partitions_are_given_up_has_no_outcome(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 10, bframes=3)
    decode(jobs[:7])
    before = dict(watcher.fates)
    watcher.watch(frames.release({jobs[0].record.meta.pointer.topic_partition}, lambda _: None))
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.fates == before
    assert ring.free_slots() == SLOTS


def test_what_finds_no_slot_while_other_partitions_are_given_up_comes_out_later(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    """A stalled stream of a partition that stays gives what it holds just when there is no more time for the one that goes."""
    jobs = film(tmp_path / "film.mp4", 10, bframes=3)
    goes = [with_meta(job, pointer=replace(job.record.meta.pointer, partition=1)) for job in moved(jobs, stream="goes")]
    decode(jobs[:7])
    assert len(watcher.fates) < 7
    frames._streams.cut([key_of(jobs[0])])  # it stalls
    guards = iter([taker(ring)(goes[0].record)])
    watcher.watch(frames.decode(goes[:1], lambda _: next(guards, None)))
    watcher.watch(frames.release({goes[0].record.meta.pointer.topic_partition}, lambda _: None))
    assert len(watcher.fates) < 7
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(jobs[:7]) == numbers(jobs)[:7]
    assert len(watcher.fates) == 7, "what went is somebody else's"
