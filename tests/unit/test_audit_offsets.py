"""The audit counts: what was deleted together with every row that named it is missed all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop.log import EmbeddedLog, LogOptions
from framehop.log.sqlite import connect, rows
from framehop.ops.audit import AuditReport, audit
from tests.logs import TIMEOUT_S, make_event, make_frame, marks_after, read, retain, write

ONE = LogOptions(partitions=1, segment_bytes=4096, retain_bytes=None, session_timeout_s=20.0)
BOTH = ("frames", "events")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    """Two streams in one partition, in turns: `gate` has the even offsets up to 10, `yard` the odd ones."""
    with EmbeddedLog(tmp_path, options=ONE) as opened:
        with opened.writer() as writer, opened.consumer("detect-main", member="m") as consumer:
            states = [writer.open_stream(name, source=f"test:{name}", finite=True) for name in ("gate", "yard")]
            for seq in range(6):
                for state in states:
                    writer.append(make_frame(state, seq))
                    assert writer.flush(TIMEOUT_S)
            records = read(consumer, 12)
            consumer.commit([make_event(record) for record in records], marks_after(records))
        yield opened


def _delete(root: Path, where: str, *tables: str) -> None:
    db = connect(root / "index.db")
    for table in tables:
        rows(db, f"DELETE FROM {table} WHERE {where}")
    db.close()


def _epoch(log: EmbeddedLog, stream: str) -> int:
    return next(meta.key.epoch for meta in log.scan_frames() if meta.key.stream == stream)


def _wrong(report: AuditReport) -> tuple[bool, int, int, list[str]]:
    return report.ok, report.missing, report.unknown, report.findings


def test_a_deleted_tail_is_missed(log: EmbeddedLog, tmp_path: Path) -> None:
    _delete(tmp_path, "stream='gate' AND seq>=4", *BOTH)
    told = ["missing: frames/0, offsets 8, 10 of one of the streams gate, yard: no frame and no gap"]
    assert _wrong(audit(log)) == (False, 2, 0, told)


def test_a_deleted_stream_is_named(log: EmbeddedLog, tmp_path: Path) -> None:
    _delete(tmp_path, "stream='yard'", *BOTH)
    told = ["missing: frames/0, offsets 1, 3, 5, 7, 9, … of stream yard: no frame and no gap"]
    report = audit(log)
    assert _wrong(report) == (False, 6, 0, told)
    assert (report.streams["yard"].missing, report.streams["gate"].missing) == (6, 0)


def test_everything_deleted_is_missed(log: EmbeddedLog, tmp_path: Path) -> None:
    _delete(tmp_path, "1", *BOTH)
    told = ["missing: frames/0, offsets 0 to 11 of one of the streams gate, yard: no frame and no gap"]
    assert _wrong(audit(log)) == (False, 12, 0, told)


def test_what_is_told_by_seq_is_not_told_again_by_offset(log: EmbeddedLog, tmp_path: Path) -> None:
    epoch = _epoch(log, "gate")
    _delete(tmp_path, "stream='gate' AND seq IN (0, 3)", *BOTH)
    told = [f"missing: gate/{epoch}/{seq}, no frame and no gap" for seq in (0, 3)]
    assert _wrong(audit(log)) == (False, 2, 0, told)


def test_a_frame_whose_event_is_left_is_told_once(log: EmbeddedLog, tmp_path: Path) -> None:
    epoch = _epoch(log, "gate")
    _delete(tmp_path, "stream='gate' AND seq=5", "frames")
    told = [f"unknown: gate/{epoch}/5, an event of a frame that the log never had"]
    assert _wrong(audit(log)) == (False, 0, 1, told)


def test_a_hole_and_a_tail_are_both_told(log: EmbeddedLog, tmp_path: Path) -> None:
    epoch = _epoch(log, "gate")
    _delete(tmp_path, "stream='gate' AND seq=2", *BOTH)
    _delete(tmp_path, "stream='yard' AND seq=5", *BOTH)
    assert _wrong(audit(log)) == (
        *(False, 2, 0),
        [
            f"missing: gate/{epoch}/2, no frame and no gap",
            "missing: frames/0, offset 11 of one of the streams gate, yard: no frame and no gap",
        ],
    )


def test_retention_hides_no_deletion_among_what_it_took(log: EmbeddedLog, tmp_path: Path) -> None:
    """The gaps of two streams lie over the same offsets: they are counted, not laid over each other."""
    _delete(tmp_path, "stream='yard'", *BOTH)
    retain(tmp_path, retain_bytes=0)
    report = audit(log)
    assert (report.frames, len(report.gaps)) == (0, 1)
    assert (report.gaps[0].first_offset, report.gaps[0].last_offset) == (0, 10)
    told = "missing: frames/0, offset 11 and 5 among the offsets of its gaps of stream yard: no frame and no gap"
    assert _wrong(report) == (False, 6, 0, [told])


def test_retention_alone_is_accounted_for(log: EmbeddedLog, tmp_path: Path) -> None:
    for limit in (2 * 4096, 4096, 0):
        retain(tmp_path, retain_bytes=limit)
        report = audit(log)
        assert _wrong(report) == (True, 0, 0, [])
    assert (report.frames, report.events) == (0, 12)


def test_an_event_that_went_after_its_frame_is_missed(log: EmbeddedLog, tmp_path: Path) -> None:
    retain(tmp_path, retain_bytes=0)
    _delete(tmp_path, "stream='gate' AND seq IN (1, 2)", "events")
    told = ["missing: 2 events that were written are gone, and retention did not take them"]
    assert _wrong(audit(log)) == (False, 2, 0, told)


def test_frames_that_wait_hide_no_event_that_went(log: EmbeddedLog, tmp_path: Path) -> None:
    retain(tmp_path, retain_bytes=0)
    _delete(tmp_path, "stream='gate' AND seq IN (1, 2)", "events")
    with log.writer() as writer:
        write(writer, "hall", 2)
    report = audit(log)
    assert (report.missing, report.waiting, report.only_waits) == (4, 2, False)
    assert "missing: 2 events that were written are gone, and retention did not take them" in report.findings


def test_a_repeated_commit_uses_up_no_offset(log: EmbeddedLog) -> None:
    """The event is there already: were an offset used up for it, the audit would miss an event."""
    with log.consumer("again", member="m") as consumer:
        records = read(consumer, 12)
        assert consumer.commit([make_event(record) for record in records], marks_after(records)).duplicates == 12
        again = [make_event(record, lane="second") for record in records]
        assert consumer.commit(again, {}).duplicates == 0
    assert [record.offset for record in log.events()] == list(range(1, 25))
    assert audit(log).ok


def test_frames_that_come_while_the_audit_reads_are_none_of_its_business(log: EmbeddedLog) -> None:
    class Busy:
        """The log, written on whenever somebody looks at the events."""

        def __getattr__(self, name: str) -> object:
            if name == "events":
                with log.writer() as writer:
                    write(writer, "late", 3)
            return getattr(log, name)

    report = audit(Busy())  # type: ignore[arg-type]
    assert (report.missing, report.streams["late"].missing, report.unknown) == (3, 3, 0)
    assert all("no event" in finding for finding in report.findings)


def test_a_log_from_before_events_were_counted_is_counted_from_now_on(log: EmbeddedLog, tmp_path: Path) -> None:
    db = connect(tmp_path / "index.db")
    rows(db, "DROP TABLE event_account")
    rows(db, "DELETE FROM events WHERE stream='gate' AND seq<2")
    rows(db, "DELETE FROM frames WHERE stream='gate' AND seq<2")
    rows(
        db,
        "INSERT INTO gaps(reason, partition, first_offset, last_offset, stream, epoch, first_seq, last_seq)"
        " VALUES('retention', 0, 0, 2, 'gate', ?, 0, 1)",
        (_epoch(log, "gate"),),
    )
    db.close()
    with EmbeddedLog(tmp_path, options=ONE) as opened:
        assert audit(opened).ok
        _delete(tmp_path, "stream='yard' AND seq=3", "events")
        assert audit(opened).missing == 1
