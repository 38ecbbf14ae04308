"""Groups of readers in the embedded log."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.log import open_log
from framehop.log.sqlite import connect, rows
from tests.logs import make_event, marks_after, read, write


def _fill(path: Path, count: int) -> None:
    with open_log(path) as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", count)
        records = read(consumer, count)
        consumer.commit([make_event(record) for record in records], marks_after(records))


def _break_off(path: Path) -> None:
    with open_log(path) as log:
        reader = log.events(group="alerts")
        assert [record.event.seq for record in reader.poll(2, 0.0)] == [0, 1]
        assert [record.event.seq for record in reader.poll(2, 0.0)] == [2, 3]
        raise RuntimeError("of the caller")


def test_an_exception_that_ends_the_log_is_one_for_its_readers(tmp_path: Path) -> None:
    _fill(tmp_path / "log", 4)
    with pytest.raises(RuntimeError, match="of the caller"):
        _break_off(tmp_path / "log")
    with open_log(tmp_path / "log") as log:
        assert [record.event.seq for record in log.events(group="alerts")] == [2, 3]


def test_a_position_outlives_the_log_that_stored_it(tmp_path: Path) -> None:
    _fill(tmp_path / "log", 3)
    for expected in ([0, 1, 2], []):
        with open_log(tmp_path / "log") as log:
            assert [record.event.seq for record in log.events(group="alerts")] == expected


def test_a_log_from_before_there_were_groups_of_readers_gets_them(tmp_path: Path) -> None:
    _fill(tmp_path / "log", 3)
    db = connect(tmp_path / "log" / "index.db")
    rows(db, "DROP TABLE readers")
    db.close()
    for expected in (3, 0):
        with open_log(tmp_path / "log") as log, log.events(group="alerts") as reader:
            assert len(list(reader)) == expected


def test_since_finds_its_place_among_many(tmp_path: Path) -> None:
    """Times are put a minute apart, so that the margin of one minute is one event; offsets have holes."""
    minute = 60_000_000
    _fill(tmp_path / "log", 100)
    db = connect(tmp_path / "log" / "index.db")
    rows(db, "UPDATE events SET appended_us = 1000000000 + seq * ?", (minute,))
    rows(db, "DELETE FROM events WHERE seq % 3 = 1")
    db.close()
    with open_log(tmp_path / "log") as log:
        for seq in range(105):
            with log.events(since_us=1_000_000_000 + (seq + 1) * minute) as reader:
                expected = [kept for kept in range(seq, 100) if kept % 3 != 1]
                assert [record.event.seq for record in reader] == expected
