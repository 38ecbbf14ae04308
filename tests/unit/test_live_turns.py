"""Packets of a transport stream in their turn and out of it."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace

import pytest

from framehop.errors import SourceAwayError
from framehop.sources.address import Address
from framehop.sources.live import turns
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.losses import Losses
from framehop.sources.live.turns import in_turn

CAM = Address.parse("http://host/video")
ROUND = 1 << 33


def passed(times: Iterable[int | None], keys: set[int]) -> tuple[list[int | None], int]:
    """Return the decoding times of the packets that are passed on, and how many are left out. `keys`: those of key frames."""
    how = Connecting(address=CAM, codec="auto", quality=85, open_s=1.0, stall_s=1.0, name=CAM.shown, losses=Losses())
    packets = (SimpleNamespace(dts=dts, is_keyframe=dts in keys) for dts in times)
    found = [packet.dts for packet in in_turn(packets, how)]  # type: ignore[arg-type]
    return found, sum(left.count for left in how.losses.so_far)


def test_what_was_before_the_last_key_frame_is_left_out() -> None:
    assert passed([0, 1, 2, 100, 101, 3, 102], {0, 100}) == ([0, 1, 2, 100, 101, 102], 1)


def test_a_key_frame_may_begin_time_anew() -> None:
    times = [100, 101, 0, 1, None, 2]
    assert passed(times, {100, 0}) == (times, 0)


def test_a_step_back_behind_a_key_frame_loses_nothing() -> None:
    """Some encoders count carelessly, and later pictures need this one."""
    times = [100, 103, 102, 104]
    assert passed(times, {100}) == (times, 0)


def test_time_stamps_that_go_round_lose_nothing() -> None:
    """They have 33 bits, and FFmpeg evens that out only once."""
    times = [ROUND - 2, ROUND - 1, 0, 1, 10, 11]
    assert passed(times, {ROUND - 2, 10}) == (times, 0)


def test_a_camera_of_which_all_is_out_of_its_turn_for_long_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(1, 1000))
    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    with pytest.raises(SourceAwayError, match="only pictures that came out of their turn for 60 s"):
        passed([1000, *range(200)], {1000})
