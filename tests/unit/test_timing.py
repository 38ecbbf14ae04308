"""Tests of how often a thing that lasts is said."""

from __future__ import annotations

from framehop.timing import Reminder


def test_what_lasts_is_said_at_growing_intervals_up_to_an_hour() -> None:
    reminder = Reminder()
    said = [second for second in range(0, 15_000, 20) if reminder.due("away", second)]
    assert said == [0, 60, 180, 420, 900, 1860, 3780, 7380, 10_980, 14_580]


def test_what_is_new_or_has_come_again_is_said_at_once() -> None:
    reminder = Reminder()
    assert [reminder.due(what, 1.0) for what in ("away", "away", "busy", "busy")] == [True, False, True, False]
    reminder.over()
    assert reminder.due("busy", 1.0)
