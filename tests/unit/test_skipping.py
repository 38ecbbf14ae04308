"""Frames that are skipped by what they are: outside the sample, between the n-th, over the rate, not a key frame."""

from __future__ import annotations

from typing import Any

import pytest

from framehop.config.detect_options import DetectOptions
from framehop.errors import ConfigError
from framehop.pipeline.worker.skipping import Skipping, moment_us, place_in_sample
from framehop.policies import StreamPolicies, parse_policies
from framehop.types import FrameKey, FrameRecord
from tests.frames import record_of

EPOCH = 1_700_000_000_000_000
KEYS = [FrameKey(stream, EPOCH, seq) for stream in ("gate", "yard") for seq in range(5000)]


def skipping(*policies: str, sample: float = 1.0) -> Skipping:
    return Skipping(StreamPolicies(parse_policies(policies)), sample=sample)


def at(seq: int, us: int, **changes: Any) -> FrameRecord:
    """Return a frame that was captured and received so many microseconds after the epoch began."""
    return record_of(seq, epoch=EPOCH, **{"captured_us": EPOCH + us, "received_us": EPOCH + us, **changes})


def looked_at(rules: Skipping, records: list[FrameRecord]) -> list[int]:
    return [record.meta.key.seq for record in records if not rules.reason(record)]


@pytest.mark.parametrize("sample", [0.01, 0.1, 0.5])
def test_a_sample_is_about_its_share_of_every_stream(sample: float) -> None:
    rules = skipping(sample=sample)
    for stream in ("gate", "yard"):
        kept = looked_at(
            rules, [record_of(key.seq, stream=stream, epoch=EPOCH) for key in KEYS if key.stream == stream]
        )
        assert sample * 0.7 < len(kept) / 5000 < sample * 1.3


def test_a_smaller_sample_is_part_of_a_larger_one() -> None:
    small, large = ({key for key in KEYS if place_in_sample(key) < sample} for sample in (0.1, 0.3))
    assert small < large


def test_all_frames_are_looked_at_without_a_rule() -> None:
    assert looked_at(skipping(), [at(seq, seq) for seq in range(100)]) == list(range(100))
    assert all(0 <= place_in_sample(key) < 1 for key in KEYS)


def test_a_frame_has_the_same_place_for_ever() -> None:
    """Workers of two versions may share a lane."""
    assert place_in_sample(FrameKey("gate", 1_700_000_000_000_000, 0)) == 0.41457726681151286


@pytest.mark.parametrize("sample", [0.0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(sample: float) -> None:
    with pytest.raises(ConfigError, match="sample must be more than 0"):
        DetectOptions(sample=sample)


def test_every_nth_frame_is_that_of_its_seq_wherever_reading_begins() -> None:
    rules = skipping("every_n=3")
    assert looked_at(rules, [at(seq, seq) for seq in range(4, 13)]) == [6, 9, 12]
    assert rules.reason(at(1, 1)) == "every-n"


@pytest.mark.parametrize(("fps", "rate"), [(5, 25), (5, 1000), (10, 25), (0.5, 30), (2.5, 25)])
def test_a_rate_holds_whatever_the_streams_own_is(fps: float, rate: int) -> None:
    frames = [at(seq, seq * 1_000_000 // rate) for seq in range(20 * rate)]
    assert abs(len(looked_at(skipping(f"fps={fps}"), frames)) - 20 * fps) <= 1


def test_a_rate_above_the_streams_own_skips_nothing() -> None:
    assert looked_at(skipping("fps=30"), [at(seq, seq * 40_000) for seq in range(100)]) == list(range(100))


def test_pictures_out_of_order_are_thinned_out_by_their_place_on_the_screen() -> None:
    shown = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]
    frames = [at(seq, place * 40_000) for seq, place in enumerate(shown)]
    taken = looked_at(skipping("fps=12.5"), frames)
    assert sorted(shown[seq] // 2 for seq in taken) == list(range(7)), "one of each two that follow each other"


def test_who_begins_in_the_middle_takes_the_same_frames_but_for_the_first() -> None:
    frames = [at(seq, seq * 40_000) for seq in range(200)]
    whole, later = looked_at(skipping("fps=7"), frames), looked_at(skipping("fps=7"), frames[71:])
    assert set(later[1:]) <= set(whole)
    assert {seq for seq in whole if seq > later[0]} <= set(later)


def test_the_same_frames_again_under_another_tenure_are_judged_the_same() -> None:
    rules = skipping("fps=7")
    first = looked_at(rules, [at(seq, seq * 40_000, tenure=1) for seq in range(50)])
    assert looked_at(rules, [at(seq, seq * 40_000, tenure=2) for seq in range(50)]) == first


@pytest.mark.parametrize("jump_us", [-7_200_000_000, 7_200_000_000, -3_000_000])
def test_a_clock_that_jumps_breaks_no_rate(jump_us: int) -> None:
    frames = [at(seq, seq * 40_000 + (jump_us if 250 <= seq < 500 else 0)) for seq in range(750)]
    taken = looked_at(skipping("fps=5"), frames)
    for begin in (0, 250, 500):
        assert 45 <= sum(begin <= seq < begin + 250 for seq in taken) <= 52


def test_a_cameras_own_clock_decides_nothing() -> None:
    frame = at(0, 5, clock="camera", captured_us=7)
    assert moment_us(frame.meta) == EPOCH + 5
    assert moment_us(at(0, 5, captured_us=7).meta) == 7


def test_only_key_frames() -> None:
    rules = skipping("film=key-frames-only")
    frames = [at(seq, seq, stream="film", keyframe=seq % 10 == 0) for seq in range(30)]
    assert looked_at(rules, frames) == [0, 10, 20]
    assert rules.reason(frames[1]) == "not-a-key-frame"
    assert rules.needs_nothing(frames[0])
    assert not rules.needs_nothing(at(0, 0))


def test_no_more_streams_are_remembered_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.pipeline.worker.skipping._STREAMS", 3)
    rules = skipping("fps=1")
    for number in range(10):
        assert looked_at(rules, [at(0, 0, stream=f"cam-{number}")]) == [0]
    assert rules.reason(at(1, 1, stream="cam-9")) == "over-fps"
    assert not rules.reason(at(1, 1, stream="cam-1"))
