"""Tests of the pictures of a film that take a slot: which ones, in which size, and what stands in the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from framehop import _core
from framehop.decode import Decoded, DecodeOptions, DecoderError, Refused
from framehop.errors import OutOfMemoryError
from framehop.types import Need
from tests.films import Watcher, film, taker, with_meta

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

from framehop.decode.video import VideoFrames
from tests.unit.video.decoding import OPTIONS, SLOTS, WHOLE, Decode, numbers


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
