"""Access units become pictures in the ring: each its own, streams side by side, nothing guessed, nothing held for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from framehop import _core
from framehop.decode import Decoded, DecodeJob, DecodeOptions, DecoderError, Outcome, Refused, Rounds
from framehop.errors import OutOfMemoryError
from framehop.types import Need
from tests.fields import field_of
from tests.films import CLOSED, OPEN, Watcher, film, moved, taker, with_meta

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

from framehop.decode import streams
from framehop.decode.needs import key_of
from framehop.decode.video import VideoFrames

OPTIONS = DecodeOptions(threads=2, max_pixels=1 << 20)
WHOLE = 160 * 64 * 3  # bytes of a picture of the films
SLOTS = 6  # four, and two on top for those who only look
Decode = Callable[[list[DecodeJob]], None]


@pytest.fixture
def ring(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[_core.Ring]:
    """A ring whose slots have room for a whole picture, or as many bytes as a test asks for."""
    with _core.Ring.create(str(tmp_path / "ring"), slots=4, slot_bytes=getattr(request, "param", WHOLE)) as ring:
        yield ring


@pytest.fixture
def watcher(ring: _core.Ring) -> Iterator[Watcher]:
    with _core.RingReader.attach(ring.path, role="detector") as reader:
        yield Watcher(ring, reader)


@pytest.fixture
def frames() -> Iterator[VideoFrames]:
    frames = VideoFrames(OPTIONS)
    yield frames
    frames.close()


@pytest.fixture
def decode(frames: VideoFrames, ring: _core.Ring, watcher: Watcher) -> Decode:
    """Decode jobs as an intake does, two at a time."""

    def decode(jobs: list[DecodeJob]) -> None:
        for begin in range(0, len(jobs), 2):
            watcher.watch(frames.decode(jobs[begin : begin + 2], taker(ring)))

    return decode


def numbers(jobs: list[DecodeJob]) -> list[tuple[str, int]]:
    """The fates of jobs whose pictures are all well: their numbers, in the order of their times."""
    order = sorted(range(len(jobs)), key=lambda k: jobs[k].record.meta.captured_us)
    return [("picture", order.index(k)) for k in range(len(jobs))]


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


def test_unwanted_frames_are_decoded_for_the_others_and_take_no_slot(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 10)
    unwanted = [replace(job, unwanted="sample") for job in jobs[:9]]
    decode([*unwanted, jobs[9]])
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(unwanted) == [("sample", -1)] * 9
    assert watcher.of(jobs[9:]) == [("picture", 9)]


def test_where_only_key_frames_are_decoded_each_comes_out_with_the_frame_after_it(
    tmp_path: Path, watcher: Watcher, decode: Decode
) -> None:
    """No picture comes that might overtake it on the screen."""
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    decode([replace(jobs[0], alone=True)])
    assert jobs[0].record.meta.key not in watcher.fates, "it is held back"
    decode([replace(jobs[1], alone=True, unwanted="why")])
    assert watcher.of(jobs[:2]) == [("picture", 0), ("why", -1)]


def test_what_is_missing_before_a_frame_that_is_left_out_is_noted(
    tmp_path: Path, frames: VideoFrames, ring: _core.Ring, watcher: Watcher, decode: Decode
) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    left_out = next(k for k in range(2, 9) if not _core.read_access_unit("h264", jobs[k].payload).reference)
    decode(jobs[: left_out - 1])
    decode([replace(jobs[left_out], unwanted="why")])
    decode(jobs[left_out + 1 : 10])
    watcher.watch(frames.drain(taker(ring)))
    assert watcher.of(jobs[left_out + 1 : 10]) == [("corrupt_picture", -1)] * (9 - left_out)


def test_a_picture_above_the_cap_is_refused_and_says_what_to_do(tmp_path: Path, ring: _core.Ring) -> None:
    frames = VideoFrames(DecodeOptions(threads=1, max_pixels=160 * 64 - 1))
    job = film(tmp_path / "film.mp4", 1)[0]
    outcomes = [outcome for outcomes in frames.decode([job], taker(ring)) for outcome in outcomes]
    outcomes += [outcome for outcomes in frames.drain(taker(ring)) for outcome in outcomes]
    [refused] = outcomes
    assert isinstance(refused, Refused)
    assert refused.error == "picture_too_large"
    frames.close()


def test_a_slot_that_is_too_small_is_named(tmp_path: Path) -> None:
    frames = VideoFrames(OPTIONS)
    job = film(tmp_path / "film.mp4", 1)[0]
    with _core.Ring.create(str(tmp_path / "ring"), slots=1, slot_bytes=1024) as ring:
        rounds = [*frames.decode([job], taker(ring)), *frames.drain(taker(ring))]
        [refused] = [outcome for outcomes in rounds for outcome in outcomes]
        assert ring.free_slots() == 1 + 2
    assert isinstance(refused, Refused)
    assert refused.error == "picture_too_large"
    assert refused.size == (160, 64)
    assert "slot" in refused.why
    frames.close()


def test_a_worker_that_stops_gets_its_slots_back(tmp_path: Path, frames: VideoFrames, ring: _core.Ring) -> None:
    jobs = film(tmp_path / "film.mp4", 10)
    busy = [ring.try_acquire(_core.FrameTag("other", 1, seq)) for seq in range(SLOTS - 1)]
    assert [outcome for outcomes in frames.decode(jobs[:2], taker(ring)) for outcome in outcomes] == []
    assert ring.free_slots() == 1
    assert all(busy)


def test_pictures_are_turned_as_the_content_type_says(
    tmp_path: Path, ring: _core.Ring, watcher: Watcher, decode: Decode, frames: VideoFrames
) -> None:
    [job] = film(tmp_path / "film.mp4", 1)
    decode([with_meta(job, content_type="video/h264;orientation=6")])
    watcher.watch(frames.drain(taker(ring)))
    [decoded] = watcher.outcomes
    assert isinstance(decoded, Decoded)
    assert decoded.size == (64, 160)
    assert (decoded.ref.width, decoded.ref.height) == (64, 160)


@pytest.mark.parametrize(
    ("ring", "need", "size"),
    [
        (WHOLE, Need(width=70, height=10), (160, 64)),
        (WHOLE // 2, Need(width=70, height=10), (80, 32)),
        (WHOLE // 2, Need(width=70, height=70), None),
        (WHOLE // 2, Need(width=70, height=70, fit="letterbox"), (80, 32)),  # 70 x 28
    ],
    indirect=["ring"],
    ids=["whole", "smallest eighth", "too large", "letterbox"],
)
def test_pictures_are_whole_where_there_is_room_else_the_smallest_eighth_that_is_enough(
    tmp_path: Path,
    frames: VideoFrames,
    decode: Decode,
    watcher: Watcher,
    ring: _core.Ring,
    need: Need,
    size: tuple[int, int] | None,
) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    frames.scale_to(need)
    decode(jobs)
    watcher.watch(frames.drain(taker(ring)))
    sizes = {(each.ref.width, each.ref.height) for each in watcher.outcomes if isinstance(each, Decoded)}
    assert sizes == ({size} if size else set())
    if size:
        assert watcher.of(jobs) == numbers(jobs)


def test_what_is_no_fault_of_the_bytes_is_raised(tmp_path: Path, frames: VideoFrames, ring: _core.Ring) -> None:
    [job] = film(tmp_path / "film.mp4", 1)
    closed = with_meta(job, content_type="video/h265")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_core, "VideoDecoder", _refusing)
        with pytest.raises(DecoderError, match="no memory"):
            list(frames.decode([closed], taker(ring)))
    assert ring.free_slots() == SLOTS


def _refusing(*_args: object, **_options: object) -> None:
    raise OutOfMemoryError("no memory")
