"""The audit names what was deleted, doubled or reordered behind the pipeline's back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from framehop.errors import LogNotFoundError
from framehop.log import EmbeddedLog
from framehop.log.sqlite import connect, rows
from framehop.ops.audit import MAX_FINDINGS, audit
from framehop.testing.memory_log import MemoryLog
from framehop.types import StreamState
from tests.logs import make_event, marks_after, read, write


class _Case:
    """A log of two streams with an event for each of their frames, and a way to spoil it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log: EmbeddedLog = EmbeddedLog(root)
        with self.log.writer() as writer, self.log.consumer("detect-main", member="m") as consumer:
            self.state: StreamState = write(writer, "gate", 6)
            write(writer, "yard", 4)
            records = read(consumer, 10)
            consumer.commit([make_event(record) for record in records], marks_after(records))

    def sql(self, *statements: str) -> None:
        db = connect(self.root / "index.db")
        for statement in statements:
            rows(db, statement)
        db.close()

    def key(self, seq: int) -> str:
        return f"gate/{self.state.epoch}/{seq}"


@pytest.fixture
def case(tmp_path: Path) -> Iterator[_Case]:
    made = _Case(tmp_path)
    yield made
    made.log.close()


def test_a_sound_log_is_ok(case: _Case) -> None:
    report = audit(case.log)
    assert report.ok
    assert (report.frames, report.events, report.outcomes) == (10, 10, {"detected": 10})
    assert report.findings == []
    assert {name: (stream.frames, stream.events) for name, stream in report.streams.items()} == {
        "gate": (6, 6),
        "yard": (4, 4),
    }


def test_the_report_is_json(case: _Case) -> None:
    parsed = msgspec.json.decode(msgspec.json.encode(audit(case.log)))
    assert {"frames", "events", "outcomes", "missing", "duplicates", "out_of_order", "gaps", "streams"} <= parsed.keys()
    assert parsed["streams"]["gate"]["missing"] == 0


def test_an_empty_log_is_ok(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path / "empty") as log:
        assert audit(log).ok


def test_a_log_may_be_named_by_its_directory(case: _Case, tmp_path: Path) -> None:
    case.log.close()
    assert audit(case.root).frames == audit(str(case.root)).frames == 10
    with pytest.raises(LogNotFoundError, match="nowhere"):
        audit(tmp_path / "nowhere")


def test_a_deleted_event_is_named(case: _Case) -> None:
    case.sql("DELETE FROM events WHERE stream='gate' AND seq=2")
    report = audit(case.log)
    assert not report.ok
    assert (report.missing, report.streams["gate"].missing, report.streams["yard"].missing) == (1, 1, 0)
    [told] = report.findings
    assert told.startswith(f"missing: {case.key(2)}, committed without an event")


def test_frames_that_wait_are_told_from_frames_that_nobody_comes_to_again(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path / "log") as log, log.writer() as writer:
        with log.consumer("detect-main", member="m") as consumer:
            done = write(writer, "gate", 3)
            records = read(consumer, 3)
            consumer.commit([make_event(record) for record in records[1:]], marks_after(records))
        write(writer, "hall", 4)
        write(writer, "yard", 1)
        report = audit(log)
    assert (report.missing, report.waiting, report.ok, report.only_waits) == (6, 5, False, False)
    assert [report.streams[name].waiting for name in ("gate", "hall", "yard")] == [0, 4, 1]
    lost, hall, yard = report.findings
    assert f"gate/{done.epoch}/0, committed without an event" in lost
    assert hall.endswith("/0 to 3, no event yet")
    assert yard.endswith("/0, no event yet")


def test_a_log_that_nobody_has_read_yet_only_waits() -> None:
    with MemoryLog() as log, log.writer() as writer:
        write(writer, "gate", 2)
        report = audit(log)
    assert (report.ok, report.only_waits) == (False, True)


def test_a_deleted_frame_is_named_twice_over(case: _Case) -> None:
    case.sql("DELETE FROM frames WHERE stream='gate' AND seq=2")
    report = audit(case.log)
    assert (report.missing, report.unknown) == (0, 1)
    assert report.findings == [f"unknown: {case.key(2)}, an event of a frame that the log never had"]


def test_a_frame_deleted_with_its_event_is_missed(case: _Case) -> None:
    case.sql("DELETE FROM events WHERE stream='gate' AND seq<3", "DELETE FROM frames WHERE stream='gate' AND seq<3")
    report = audit(case.log)
    assert (report.missing, report.ok) == (3, False)
    assert report.findings == [f"missing: {case.key(seq)}, no frame and no gap" for seq in range(3)]


def test_a_gap_accounts_for_what_is_missing(case: _Case) -> None:
    case.sql(
        "INSERT INTO gaps(reason, partition, first_offset, last_offset, stream, epoch, first_seq, last_seq)"
        ' SELECT \'retention\', partition, min("offset"), max("offset"), stream, epoch, 0, 2'
        " FROM frames WHERE stream='gate' AND seq<3 GROUP BY partition",
        "DELETE FROM events WHERE stream='gate' AND seq<3",
        "DELETE FROM frames WHERE stream='gate' AND seq<3",
        "UPDATE event_account SET removed=3",
    )
    report = audit(case.log)
    assert report.ok
    assert len(report.gaps) == 1


def test_a_doubled_event_is_named(case: _Case) -> None:
    case.sql(
        "DROP INDEX events_id",
        "INSERT INTO events(stream, epoch, seq, lane, appended_us, json)"
        " SELECT stream, epoch, seq, lane, appended_us, json FROM events WHERE stream='gate' AND seq=4",
    )
    report = audit(case.log)
    assert (report.duplicates, report.out_of_order, report.ok) == (1, 0, False)
    assert report.outcomes == {"detected": 10}
    assert report.findings == [f"duplicates: {case.key(4)}, a second event"]


def test_a_doubled_frame_is_named(case: _Case) -> None:
    case.sql(
        "DROP INDEX frames_key",
        "CREATE TEMP TABLE copy AS SELECT * FROM frames WHERE stream='gate' AND seq=4",
        'UPDATE copy SET "offset"=100',
        "INSERT INTO frames SELECT * FROM copy",
    )
    report = audit(case.log)
    assert (report.duplicates, report.ok) == (1, False)
    assert report.findings == [f"duplicates: {case.key(4)}, a second frame of this key"]


def test_a_reordered_event_is_named(case: _Case) -> None:
    case.sql('UPDATE events SET "offset"=(SELECT max("offset")+1 FROM events) WHERE stream=\'gate\' AND seq=1')
    report = audit(case.log)
    assert (report.out_of_order, report.streams["gate"].out_of_order, report.ok) == (1, 1, False)
    assert report.findings == [f"out of order: {case.key(1)}, its event comes after that of seq 5"]


def test_another_lane_is_another_audit(case: _Case) -> None:
    report = audit(case.log, lane="shadow")
    assert (report.events, report.missing, report.ok) == (0, 10, False)


def test_findings_are_bounded_counts_are_not() -> None:
    with MemoryLog() as log, log.writer() as writer:
        for number in range(MAX_FINDINGS + 5):
            write(writer, f"stream-{number}", 1)
        report = audit(log)
    assert report.missing == MAX_FINDINGS + 5
    assert len(report.findings) == MAX_FINDINGS


def test_a_second_epoch_starts_its_own_order(case: _Case) -> None:
    with case.log.writer() as writer, case.log.consumer("detect-main", member="m") as consumer:
        write(writer, "gate", 2)
        records = read(consumer, 2)
        events = [dataclasses.replace(make_event(record), outcome="failed", reason="poison") for record in records]
        consumer.commit(events, marks_after(records))
    report = audit(case.log)
    assert report.ok
    assert report.outcomes == {"detected": 10, "failed": 2}
