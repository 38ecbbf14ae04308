"""Pictures that a playlist gives again to another connection."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from framehop.sources.live import repeats
from framehop.sources.live.epoch import Moment
from framehop.sources.live.losses import Losses
from framehop.sources.live.makers import Made
from framehop.sources.live.repeats import Given, Repeats

NOW = Moment(pts_us=None, by_camera_us=None, received_us=0, due_us=None)
GROUP = 10


def made(number: int) -> Made:
    return Made(payload=b"%d" % number, pts=number, keyframe=number % GROUP == 0)


def read(given: Given, numbers: Iterable[int]) -> tuple[list[int], int]:
    """Read by another connection; return the pictures that are passed on, and how many are left out."""
    losses = Losses()
    found = Repeats(given, losses).without((made(number), NOW) for number in numbers)
    passed = [int(picture.payload) for picture, _ in found]
    return passed, sum(left.count for left in losses.so_far)


def test_one_connection_gives_everything_also_what_comes_in_a_loop() -> None:
    numbers = [*range(30), *range(30)]
    assert read(Given(), numbers) == (numbers, 0)


def test_another_one_gives_what_is_new() -> None:
    given = Given()
    read(given, range(50))
    assert read(given, range(20, 80)) == ([*range(50, 80)], 30)
    assert read(given, range(50, 80)) == ([], 30)
    assert read(given, range(60, 90)) == ([*range(80, 90)], 20)


def test_a_group_that_was_cut_short_comes_again_as_a_whole_once_there_is_more_of_it() -> None:
    given = Given()
    read(given, range(45))
    assert read(given, range(30, 44)) == ([], 14)
    assert read(given, range(30, 45)) == ([], 15)
    assert read(given, range(30, 60)) == ([*range(40, 60)], 10)
    assert read(given, range(30, 60)) == ([], 30)


def test_a_connection_that_breaks_off_among_repeats_hides_nothing_of_the_last_group() -> None:
    given = Given()
    read(given, range(45))
    read(given, range(20, 33))
    assert read(given, range(20, 50)) == ([*range(40, 50)], 20)


def test_a_film_in_a_loop_is_left_out_once_and_not_for_ever() -> None:
    given = Given()
    read(given, range(30))
    assert read(given, [*range(30)] * 3) == ([*range(30)] * 2, 30)


def test_a_connection_that_breaks_off_in_a_later_round_of_a_film_hides_nothing_of_the_rest() -> None:
    given = Given()
    read(given, [*range(30), *range(15)])
    assert read(given, [*range(30), *range(30)]) == ([*range(10, 30), *range(30)], 10)


def test_other_pictures_with_the_same_time_stamps_are_new() -> None:
    """A recorder that is started again counts from the beginning."""
    given = Given()
    read(given, range(30))
    others = [(made(number)._replace(payload=b"other %d" % number), NOW) for number in range(30)]
    assert list(Repeats(given, Losses()).without(iter(others))) == others


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST_GROUPS", 3)
    monkeypatch.setattr(repeats, "MOST_HELD", 8)
    given = Given()
    read(given, range(100))
    assert len(given.counts) == 3
    assert read(given, range(60, 110)) == ([*range(60, 70), *range(90, 110)], 20)
