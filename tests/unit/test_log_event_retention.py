"""Events outlive their frames, as long as they are told to; and room is made before the disk is full."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop.log import EmbeddedLog, LogOptions
from framehop.log.embedded import event_retention as walking
from framehop.log.embedded.disk_usage import Room
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.retention import Retention
from framehop.log.embedded.write_ahead import WriteAhead
from framehop.log.sqlite import connect, rows
from framehop.ops.audit import audit
from tests.logs import TIMEOUT_S, make_event, make_frame, marks_after, read, retain
from tests.waiting import until

HOUR_S = 3600.0
# The opened log drops nothing by itself, at whatever moment its flusher looks.
KEEP_ALL = LogOptions(segment_bytes=4096, retain_bytes=None, retain_event_age_s=None, session_timeout_s=20.0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    """Nine frames in three files, each with its event."""
    with EmbeddedLog(tmp_path, options=KEEP_ALL) as opened:
        _fill(opened, "a", 9)
        yield opened


def _fill(log: EmbeddedLog, stream: str, count: int) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        state = writer.open_stream(stream, source="test:", finite=True)
        for seq in range(state.next_seq, state.next_seq + count):
            writer.append(make_frame(state, seq))
            assert writer.flush(TIMEOUT_S)
        records = read(consumer, count)
        consumer.commit([make_event(record) for record in records], marks_after(records))


def _age(root: Path, hours: float, where: str = "1") -> None:
    db = connect(root / "index.db")
    rows(db, f"UPDATE events SET appended_us=appended_us-? WHERE {where}", (int(hours * HOUR_S * 1e6),))
    db.close()


def _seqs(log: EmbeddedLog) -> list[int]:
    return [record.event.seq for record in log.events()]


def test_events_stay_when_their_frames_go(log: EmbeddedLog, tmp_path: Path) -> None:
    retain(tmp_path, retain_bytes=4096)
    assert [meta.key.seq for meta in log.scan_frames()] == [6, 7, 8]
    assert _seqs(log) == list(range(9))
    assert audit(log).ok


def test_events_go_when_they_are_old_and_their_frames_are_gone(log: EmbeddedLog, tmp_path: Path) -> None:
    _age(tmp_path, hours=2, where="seq < 8")
    retain(tmp_path, retain_bytes=4096, retain_event_age_s=3 * HOUR_S)
    assert _seqs(log) == list(range(9))
    retain(tmp_path, retain_bytes=4096, retain_event_age_s=HOUR_S)
    assert _seqs(log) == [6, 7, 8], "old, but their frames are there"
    retain(tmp_path, retain_bytes=0, retain_event_age_s=HOUR_S)
    assert _seqs(log) == [8], "its frame is gone, but it is young"
    report = audit(log)
    assert (report.ok, report.frames, report.events) == (True, 0, 1)


def test_events_without_a_limit_stay(log: EmbeddedLog, tmp_path: Path) -> None:
    _age(tmp_path, hours=24 * 1000)
    retain(tmp_path, retain_bytes=0, retain_event_age_s=None)
    assert _seqs(log) == list(range(9))


def test_an_offset_is_never_used_again(log: EmbeddedLog, tmp_path: Path) -> None:
    newest = list(log.events())[-1].offset
    _age(tmp_path, hours=2)
    retain(tmp_path, retain_bytes=0, retain_event_age_s=HOUR_S)
    assert _seqs(log) == []
    _fill(log, "a", 1)
    assert [record.offset for record in log.events()] == [newest + 1]
    assert audit(log).ok


def test_clocks_that_were_ahead_hold_up_nobody(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "CHUNK", 2)
    _age(tmp_path, hours=-1000, where="seq IN (0, 1, 2, 3)")
    _age(tmp_path, hours=2, where="seq > 3")
    retain(tmp_path, retain_bytes=0, retain_event_age_s=HOUR_S)
    assert _seqs(log) == [0, 1, 2, 3, 8], "four chunks of two: the rest is for the next round"
    assert audit(log).ok


def test_a_long_backlog_goes_in_several_rounds(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "CHUNK", 1)
    _age(tmp_path, hours=2)
    limits = LogOptions(retain_bytes=0, retain_event_age_s=HOUR_S)
    retention, ahead = Retention(LogPaths(tmp_path), limits), WriteAhead(tmp_path / "index.db")
    left = []
    for _ in range(3):
        retention.apply(ahead)
        left.append(len(_seqs(log)))
    ahead.close()
    assert left == [5, 1, 0]


def test_a_walk_that_is_through_rests_before_the_next(log: EmbeddedLog, tmp_path: Path) -> None:
    retention, ahead = Retention(LogPaths(tmp_path), LogOptions(retain_bytes=0)), WriteAhead(tmp_path / "index.db")
    retention.apply(ahead)
    _age(tmp_path, hours=24 * 31)
    retention.apply(ahead)
    ahead.close()
    assert _seqs(log) == list(range(9)), "a minute has not passed"
    retain(tmp_path, retain_bytes=0)
    assert _seqs(log) == []


def test_an_idle_writer_drops_events_that_grow_old(tmp_path: Path) -> None:
    options = LogOptions(
        segment_bytes=4096, retain_bytes=0, retain_event_age_s=0.4, session_timeout_s=20.0, retain_hard=True
    )
    with EmbeddedLog(tmp_path, options=options) as log:
        _fill(log, "a", 3)
        with log.writer():
            until(lambda: _seqs(log) == [], "retention of events")
        assert audit(log).ok


# ---- the disk


def _room(pictures: int, index: int, free: int) -> Room:
    return Room(pictures=pictures, index=index, free=free)


def test_the_log_takes_half_of_what_the_disk_has_free() -> None:
    default = LogOptions()
    assert _room(0, 0, 100 << 30).picture_limit(default) == 10 << 30
    assert _room(0, 0, 8 << 30).picture_limit(default) == 4 << 30
    # It is the same disk when the log has taken its part of it.
    assert _room(4 << 30, 0, 4 << 30).picture_limit(default) == 4 << 30
    assert _room(2 << 30, 1 << 30, 5 << 30).picture_limit(default) == 3 << 30, "events take their part"
    assert _room(0, 3 << 30, 1 << 30).picture_limit(default) == 0
    assert _room(0, 0, 8 << 30).picture_limit(LogOptions(retain_disk_share=None)) == 10 << 30
    assert _room(0, 0, 8 << 30).picture_limit(LogOptions(retain_disk_share=None, retain_bytes=None)) is None
    assert _room(0, 0, 8 << 30).picture_limit(LogOptions(retain_disk_share=1.0, retain_bytes=None)) == 8 << 30


def test_a_disk_that_fills_up_takes_the_oldest_pictures(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = connect(tmp_path / "index.db")
    used = (index.execute("PRAGMA page_count").get - index.execute("PRAGMA freelist_count").get) * 4096
    index.close()
    # Three files and the index: with as much free again the log has its half; each file less costs it one.
    for free, left in ((used + 3 * 4096, 9), (used, 3)):
        monkeypatch.setattr("framehop.log.embedded.disk_usage.free_bytes", lambda _root, free=free: free)
        retain(tmp_path, retain_bytes=None)
        assert len(list(log.scan_frames())) == left
    assert audit(log).ok


def test_events_that_take_too_much_of_the_disk_go_early(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("framehop.log.embedded.disk_usage.free_bytes", lambda _root: 0)
    with caplog.at_level(logging.WARNING):
        retain(tmp_path, retain_bytes=None)
    assert _seqs(log) == [], "no room: neither pictures nor events whose frames are gone"
    assert "events take more than half of the log's part of the disk" in caplog.text
    assert "raise retain_disk_share" in caplog.text
    assert audit(log).ok


def test_a_log_beyond_its_limits_that_nobody_reads_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with EmbeddedLog(tmp_path, options=KEEP_ALL) as log, log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        for seq in range(6):
            writer.append(make_frame(state, seq))
            assert writer.flush(TIMEOUT_S)
    with caplog.at_level(logging.WARNING):
        retain(tmp_path, retain_bytes=0)
    assert "beyond its retention limits, but nobody has read it yet (`framehop detect` does)" in caplog.text
