"""Tests of what the page does with events while its index takes none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from framehop.errors import LogFullError
from framehop.timing import now_us
from framehop.types import EventRecord
from framehop.web import taking
from framehop.web.feed import Feed
from framehop.web.index import EventIndex
from framehop.web.index_query import Query
from framehop.web.live import LiveState
from framehop.web.taking import LATE_US, EventHandout
from tests.events import event_of, recorded

START_US = now_us()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventIndex]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(taking, "RETRY_S", 0.0)
    made = EventIndex("the log")
    yield made
    made.close()


@pytest.fixture
def intake(index: EventIndex) -> EventHandout:
    return EventHandout(index, LiveState(), Feed().publish)


def some(first: int, end: int) -> list[EventRecord]:
    return [recorded(event_of(seq), appended_us=START_US + seq) for seq in range(first, end)]


def seqs(index: EventIndex) -> list[int]:
    return sorted(msgspec.json.decode(raw)["seq"] for raw in index.page(Query(limit=200)).events)


def fill_disk(patch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LogFullError("no room")

    patch.setattr(EventIndex, "add", full)


def test_events_wait_until_the_index_takes_them(index: EventIndex, intake: EventHandout) -> None:
    intake.begin()
    with pytest.MonkeyPatch.context() as patch:
        fill_disk(patch)
        assert intake.take(some(0, 2))
        assert intake.caught_up()
        assert "no room" in intake.error
    assert intake.caught_up()
    assert (seqs(index), intake.error) == ([0, 1], "")


def test_events_that_are_too_many_to_wait_are_read_again(
    index: EventIndex, intake: EventHandout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events before and behind them are read again too, as the index was never complete."""
    monkeypatch.setattr(taking, "MAX_WAITING", 3)
    intake.begin()
    with pytest.MonkeyPatch.context() as patch:
        fill_disk(patch)
        assert [intake.take(some(0, 2)), intake.take(some(2, 5)), intake.caught_up()] == [True] * 3
    assert not intake.take(some(5, 6))
    assert seqs(index) == [0, 1, 2]
    assert intake.begin() < START_US
    for first in (0, 2, 5):
        assert intake.take(some(first, first + 3))
    assert (seqs(index), intake.caught_up()) == (list(range(8)), True)


def test_a_damaged_index_is_filled_from_the_log_again(index: EventIndex, intake: EventHandout) -> None:
    intake.begin()
    assert intake.take(some(0, 3))
    index.damaged = True
    assert not intake.take(some(3, 4))
    assert (seqs(index), intake.begin() < START_US) == ([], True)
    assert intake.take(some(0, 4))
    assert (seqs(index), intake.error) == ([0, 1, 2, 3], "")


def test_a_page_that_ended_while_it_was_catching_up_lacks_nothing_the_next_time(
    index: EventIndex, intake: EventHandout
) -> None:
    """It had read another partition up to now."""
    intake.begin()
    assert intake.take(some(0, 2))
    assert intake.caught_up()
    intake.begin()
    assert intake.take(some(500, 502))
    again = EventHandout(index, LiveState(), Feed().publish)
    assert again.begin() <= START_US + 1 - LATE_US
    assert again.take(some(0, 4))
    assert again.caught_up()
    assert seqs(index) == [0, 1, 2, 3, 500, 501]
    assert again.begin() == START_US + 501 - LATE_US


def test_what_is_read_again_is_not_told_again(index: EventIndex) -> None:
    live = LiveState()
    intake = EventHandout(index, live, Feed().publish)
    intake.begin()
    intake.take(some(0, 3))
    intake.begin()
    intake.take(some(2, 5))
    assert live.streams()["gate"].events == 5


def test_what_comes_behind_the_end_of_the_log_is_new_by_whatever_clock(index: EventIndex) -> None:
    """Whatever lay there before is as old as the log says."""
    told: list[int] = []
    intake = EventHandout(index, LiveState(), lambda records: told.extend(record.event.seq for record in records))
    hour_us = 3_600_000_000
    before, behind, later = (recorded(event_of(seq), appended_us=START_US - hour_us + seq) for seq in (1, 2, 3))
    intake.begin()
    intake.take([before])
    intake.caught_up()
    intake.take([behind])
    assert told == [2]
    intake.begin()
    intake.take([later])
    assert told == [2], "the log was opened again: it lay there"


def test_a_clock_that_was_set_back_silences_nobody_once_the_log_was_opened_again(index: EventIndex) -> None:
    told: list[int] = []
    intake = EventHandout(index, LiveState(), lambda records: told.extend(record.event.seq for record in records))
    ahead = recorded(event_of(1), appended_us=START_US + 3_600_000_000)
    for _ in range(2):
        intake.begin()
        intake.take([ahead])
        intake.caught_up()
    intake.take([recorded(event_of(2), appended_us=START_US)])
    assert told == [1, 2]
