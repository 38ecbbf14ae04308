"""Tests of how often a thing that lasts is said."""

from __future__ import annotations

from framehop.timing import APART, Reminder


def test_what_lasts_is_said_at_growing_intervals_up_to_an_hour() -> None:
    reminder = Reminder()
    said = [second for second in range(0, 15_000, 20) if reminder.due("away", second)]
    assert said == [0, 60, 180, 420, 900, 1860, 3780, 7380, 10_980, 14_580]


def test_what_is_new_or_has_come_again_is_said_at_once() -> None:
    reminder = Reminder()
    assert [reminder.due(what, 1.0) for what in ("away", "away", "busy", "busy")] == [True, False, True, False]
    reminder.over()
    assert reminder.due("busy", 1.0)


def test_texts_that_take_turns_are_said_at_the_intervals_of_each() -> None:
    reminder = Reminder()
    said = [(what, second) for second in range(0, 200, 20) for what in ("away", "busy") if reminder.due(what, second)]
    assert said == [(what, second) for second in (0, 60, 180) for what in ("away", "busy")]


def test_texts_without_end_are_said_at_growing_intervals_together() -> None:
    reminder = Reminder()
    said = [number for number in range(3600) if reminder.due(f"picture {number}", number)]
    others = [APART + after for after in (0, 60, 180, 420, 900, 1860)]
    assert said == [*range(APART), *others]


def test_a_text_that_has_not_come_for_an_hour_is_new_and_makes_room_for_others() -> None:
    reminder = Reminder()
    assert [number for number in range(APART + 2) if reminder.due(f"picture {number}", number)] == [*range(APART + 1)]
    assert [number for number in range(APART + 2) if reminder.due(f"late picture {number}", 4000 + number)] == [
        *range(APART + 1)
    ]
    assert not reminder.due("late picture 0", 4050)
