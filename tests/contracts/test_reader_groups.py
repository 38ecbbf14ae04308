"""FrameLog.events with a group, and from a moment on."""

from __future__ import annotations

import itertools

import pytest

from framehop.errors import InvalidArgumentError
from framehop.protocols import EventReader, FrameLog
from framehop.timing import now_us
from framehop.types import EventRecord
from tests.logs import TIMEOUT_S, make_event, marks_after, read, write
from tests.waiting import until

MINUTE_US = 60_000_000


def _fill(log: FrameLog, stream: str, count: int) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, stream, count)
        records = read(consumer, count)
        consumer.commit([make_event(record) for record in records], marks_after(records))


def _poll(reader: EventReader, count: int) -> list[int]:
    """Seqs of the next `count` events, which are there."""
    found: list[EventRecord] = []

    def enough() -> bool:
        found.extend(reader.poll(count - len(found), TIMEOUT_S))
        return len(found) == count

    until(enough, f"{count} events")
    return [record.event.seq for record in found]


def test_a_group_goes_on_where_it_left_off(log: FrameLog) -> None:
    _fill(log, "a", 6)
    with log.events(group="alerts") as reader:
        assert _poll(reader, 4) == [0, 1, 2, 3]
    with log.events(group="alerts") as reader:
        assert [record.event.seq for record in reader] == [4, 5]
    with log.events(group="alerts") as reader:
        assert list(reader) == []
        _fill(log, "b", 1)
        assert [record.event.stream for record in reader.poll(5, TIMEOUT_S)] == ["b"]


def test_groups_do_not_disturb_each_other(log: FrameLog) -> None:
    _fill(log, "a", 3)
    with log.events(group="one") as one, log.events(group="two") as two:
        assert _poll(one, 3) == [0, 1, 2]
        assert _poll(two, 1) == [0]
    with log.events(group="one") as one, log.events(group="two") as two, log.events() as nobody:
        assert list(one) == []
        assert [record.event.seq for record in two] == [1, 2]
        assert [record.event.seq for record in nobody] == [0, 1, 2]


def _left_by_an_exception(reader: EventReader) -> None:
    reader.__exit__(RuntimeError, RuntimeError("of the caller"), None)


def test_what_was_not_handled_comes_again(log: FrameLog) -> None:
    _fill(log, "a", 5)
    reader = log.events(group="alerts")
    assert _poll(reader, 2) == [0, 1]
    assert _poll(reader, 2) == [2, 3]
    _left_by_an_exception(reader)
    reader = log.events(group="alerts")
    assert [record.event.seq for record in itertools.islice(reader, 3)] == [2, 3, 4]
    _left_by_an_exception(reader)
    with log.events(group="alerts") as reader:
        assert [record.event.seq for record in reader] == [4]


def test_a_position_is_stored_before_more_is_given(log: FrameLog) -> None:
    """The reader is never closed, as when its process is killed."""
    _fill(log, "a", 4)
    killed = log.events(group="alerts")
    assert _poll(killed, 3) == [0, 1, 2]
    assert _poll(killed, 1) == [3]

    def goes_on_behind() -> bool:
        reader = log.events(group="alerts")
        found = [record.event.seq for record in reader.poll(1, TIMEOUT_S)]
        _left_by_an_exception(reader)
        return found == [3]

    until(goes_on_behind, "the position behind the first three")


def test_iterating_in_pieces_skips_nothing(log: FrameLog) -> None:
    _fill(log, "a", 10)
    seqs: list[int] = []
    while len(seqs) < 10:
        with log.events(group="pieces") as reader:
            for record in reader:
                seqs.append(record.event.seq)
                if len(seqs) % 3 == 0:
                    break
            seqs += _poll(reader, 1)
    assert seqs == list(range(10))


def test_start_is_for_the_first_reader_of_a_group(log: FrameLog) -> None:
    _fill(log, "a", 3)
    with log.events(group="fresh", start="latest") as reader:
        assert list(reader) == []
    _fill(log, "b", 2)
    with log.events(group="fresh", start="latest") as reader:
        assert [record.event.stream for record in reader] == ["b", "b"]


def test_a_forgotten_group_begins_anew(log: FrameLog) -> None:
    _fill(log, "a", 2)
    with log.events(group="alerts") as reader:
        assert len(list(reader)) == 2
    log.forget_group("alerts")
    with log.events(group="alerts") as reader:
        assert len(list(reader)) == 2


@pytest.mark.parametrize("name", ["a/b", " ", "detect-main"])
def test_a_group_of_readers_has_a_name_of_its_own(log: FrameLog, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="group"):
        log.events(group=name)


def test_since_finds_what_came_then_and_a_margin_before(log: FrameLog) -> None:
    before = now_us()
    _fill(log, "a", 3)
    for since_us, count in [(before, 3), (now_us(), 3), (0, 3), (now_us() + 2 * MINUTE_US, 0)]:
        with log.events(since_us=since_us) as reader:
            assert len(list(reader)) == count
    with log.events(since_us=now_us() + 2 * MINUTE_US) as reader:
        assert list(reader) == []
        _fill(log, "b", 1)
        assert [record.event.stream for record in reader.poll(5, TIMEOUT_S)] == ["b"]
