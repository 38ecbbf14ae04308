"""Events that are read again from a place on, in a log in a directory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from framehop.log import open_log
from framehop.ops.audit import audit
from framehop.protocols import FrameLog
from framehop.types import Partition
from tests.logs import TIMEOUT_S, make_event, marks_after, read, write


def test_an_event_that_cannot_be_read_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_log(tmp_path / "log") as log, damaged(log, tmp_path, "1") as partition, caplog.at_level(logging.WARNING):
        found = log.events_of(partition, 0)
        assert [record.event.seq for record in found] == [0, 2]
    assert "cannot be read" in caplog.text


def test_of_many_only_some_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with open_log(tmp_path / "log") as log, damaged(log, tmp_path, "0, 1, 2"), log.events() as reader:
        assert list(reader) == []
    assert caplog.text.count("is passed over") == 2


def test_a_reader_passes_over_it_too_and_counts_it_once(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log, damaged(log, tmp_path, "1"), log.events() as reader:
        assert [record.event.seq for record in reader] == [0, 2]
        assert reader.passed_over == 1
        assert list(reader) == []
        assert reader.passed_over == 1


def test_where_nothing_else_has_come_a_reader_waits_for_what_does(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log, damaged(log, tmp_path, "0, 1, 2"), log.events() as reader:
        assert reader.poll(2, 0.0) == []
        assert reader.passed_over == 3
        assert reader.poll(2, 0.0) == []
        with log.writer() as writer, log.consumer("g", member="m") as consumer:
            write(writer, "b", 1)
            records = read(consumer, 1)
            consumer.commit([make_event(record) for record in records], marks_after(records))
        assert [record.event.stream for record in reader.poll(2, TIMEOUT_S)] == ["b"]
        assert reader.passed_over == 3


def test_a_poll_keeps_its_time_however_many_there_are(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log, damaged(log, tmp_path, "0, 1, 2"), log.events() as reader:
        assert reader.poll(2, 1e-6) == []
        assert reader.passed_over == 2


def test_the_audit_counts_it_and_misses_its_frame(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log, damaged(log, tmp_path, "1"):
        report = audit(log, rows_only=True)
    assert (report.passed_over, report.missing, report.ok) == (1, 1, False)


@contextmanager
def damaged(log: FrameLog, path: Path, seqs: str) -> Iterator[Partition]:
    """Put three events into a log, and damage those with these seqs. Yields the partition of their frames."""
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 3)
        records = read(consumer, 3)
        consumer.commit([make_event(record) for record in records], marks_after(records))
    with apsw.Connection(str(path / "log" / "index.db")) as db:
        db.execute(f"UPDATE events SET json=? WHERE seq IN ({seqs})", (b"{",))
    yield records[0].meta.pointer.topic_partition
