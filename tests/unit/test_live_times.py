"""Tests of cameras' capture times: in the order of the screen, whatever clocks and time stamps do."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise

import hypothesis
import hypothesis.strategies as st
import pytest

from framehop.sources.live.camera_clock import CameraClock, reference_us, time_of_picture
from framehop.sources.live.screen_times import ScreenTimes

DAY_US = 86_400_000_000
NOW_US = 1_800_000_000_000_000
STEP_US = 40_000


def placed(pts: list[int | None], clock: list[int] | None = None) -> list[int]:
    times = ScreenTimes()
    clock = clock or [NOW_US + number * STEP_US for number in range(len(pts))]
    return [times.place(place, now) for place, now in zip(pts, clock, strict=True)]


def test_pictures_in_order_have_the_times_of_the_clock() -> None:
    assert placed([0, 40_000, 80_000]) == [NOW_US, NOW_US + STEP_US, NOW_US + 2 * STEP_US]


def test_a_picture_that_comes_late_is_placed_between_its_neighbours() -> None:
    first, last, early, late = placed([0, 120_000, 40_000, 80_000])
    assert first < early < late < last
    assert early - first == pytest.approx((last - first) / 3, abs=2)


def test_pictures_that_lead_the_first_key_frame_come_before_it() -> None:
    key, leading, second = placed([80_000, 0, 40_000])
    assert leading < second < key
    assert key - leading == 80_000


def test_pictures_that_come_all_at_once_keep_their_order() -> None:
    times = placed([number * STEP_US for number in range(50)], [NOW_US] * 50)
    assert all(a < b for a, b in pairwise(times))
    assert times[-1] - times[0] < 50 * STEP_US // 10


@pytest.mark.parametrize("jump", [-DAY_US, DAY_US])
def test_time_stamps_that_jump_disturb_nothing(jump: int) -> None:
    pts: list[int | None] = [number * STEP_US + (jump if number >= 10 else 0) for number in range(20)]
    clock = [NOW_US + number * STEP_US for number in range(20)]
    assert placed(pts, clock) == clock


def test_without_or_with_the_same_time_stamps_the_pictures_keep_the_order_in_which_they_come() -> None:
    for pts in ([None] * 5, [7] * 5):
        assert all(a < b for a, b in pairwise(placed(list(pts))))


def test_a_clock_that_is_set_back_puts_no_picture_before_another() -> None:
    clock = [NOW_US, NOW_US + STEP_US, NOW_US - DAY_US, NOW_US - DAY_US + STEP_US]
    times = placed([0, 40_000, 80_000, 120_000], clock)
    assert all(a < b for a, b in pairwise(times))


@hypothesis.given(
    order=st.lists(st.integers(0, 7), min_size=8, max_size=60),
    clock=st.lists(st.integers(0, 10_000_000), min_size=60, max_size=60),
)
def test_the_order_of_the_screen_holds_for_any_order_of_coming(order: list[int], clock: list[int]) -> None:
    """Pictures come in groups whose members are mixed, as B-frames are, by any clock."""
    pts = [(index // 8 * 8) * STEP_US + (place * 8 + index % 8) * 1000 for index, place in enumerate(order)]
    times = placed(list(pts), clock[: len(pts)])
    by_screen = [time for _, time in sorted(zip(pts, times, strict=True))]
    assert all(a <= b for a, b in pairwise(by_screen))


# ---------------------------------------------------------------- the camera's clock


def test_a_cameras_clock_is_believed_while_nothing_is_wrong() -> None:
    clock = CameraClock()
    assert clock.read(None, 0, NOW_US) is None
    assert not clock.believed
    assert clock.read(NOW_US - 5, 0, NOW_US) == NOW_US - 5
    assert clock.read(NOW_US + STEP_US, STEP_US, NOW_US + STEP_US) == NOW_US + STEP_US
    assert (clock.believed, clock.doubt) == (True, "")


def test_a_cameras_clock_in_another_time_zone_is_still_its_clock() -> None:
    clock = CameraClock()
    assert clock.read(NOW_US + 2 * 3_600_000_000, 0, NOW_US) is not None


@pytest.mark.parametrize(("off", "doubt"), [(-NOW_US, "is 20833 days behind"), (400 * DAY_US, "is 400 days ahead")])
def test_a_clock_that_was_never_set_is_not_believed(off: int, doubt: str) -> None:
    clock = CameraClock()
    assert clock.read(NOW_US + off, 0, NOW_US) is None
    assert (clock.believed, clock.doubt) == (False, doubt)
    assert clock.read(NOW_US, STEP_US, NOW_US) is None, "nor is it once it has been set"


@pytest.mark.parametrize(
    ("second", "doubt"), [(NOW_US + 3_600_000_000, "jumped by +3600.0 s"), (NOW_US - 10_000_000, "jumped by -10.0 s")]
)
def test_a_clock_that_jumps_is_not_believed_from_then_on(second: int, doubt: str) -> None:
    clock = CameraClock()
    assert clock.read(NOW_US, 0, NOW_US) == NOW_US
    assert clock.read(second, 0, NOW_US) is None
    assert (clock.believed, clock.doubt) == (False, doubt)


def test_a_clock_that_stands_still_is_not_believed() -> None:
    clock = CameraClock()
    found = [clock.read(NOW_US, step * STEP_US, NOW_US + step * STEP_US) for step in range(100)]
    assert found[-1] is None
    assert clock.doubt


def test_a_packets_reference_time_is_read_from_its_side_data() -> None:
    assert reference_us(struct.pack("=qi", NOW_US, 24)) == NOW_US
    assert reference_us(b"") is None


def test_a_picture_that_comes_out_with_a_later_packet_has_its_own_time() -> None:
    base = Fraction(1, 90_000)
    assert time_of_picture(NOW_US, -3 * 3600, base) == NOW_US - 120_000
    assert time_of_picture(NOW_US, 0, base) == NOW_US
    assert time_of_picture(None, 3600, base) is None
