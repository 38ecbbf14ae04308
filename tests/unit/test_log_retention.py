"""Dropping segments: what may go, what must stay, and the record that is left."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from framehop.errors import LogError, LogFullError
from framehop.log import EmbeddedLog, LogOptions
from framehop.log.embedded import write_ahead
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.retention import SWEEP_AGAIN_S, Retention
from framehop.log.embedded.segments import SegmentMaps, read_cold
from framehop.log.embedded.write_ahead import WriteAhead
from framehop.log.sqlite import connect, rows
from framehop.ops.audit import audit
from framehop.timing import now_us
from framehop.types import StreamState
from tests.log_process import LogProcess
from tests.logs import TIMEOUT_S, is_whole, make_event, make_frame, marks_after, read, retain
from tests.waiting import until

KEEP_ALL = LogOptions(segment_bytes=4096, retain_bytes=None, session_timeout_s=20.0)  # 3 frames of 1,000 bytes in each


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    with EmbeddedLog(tmp_path, options=KEEP_ALL) as opened:
        yield opened


def _append(log: EmbeddedLog, stream: str, count: int) -> StreamState:
    with log.writer() as writer:
        state = writer.open_stream(stream, source="test:", finite=True)
        for seq in range(state.next_seq, state.next_seq + count):
            writer.append(make_frame(state, seq))
            assert writer.flush(TIMEOUT_S)
    return state


def _fill(root: Path, count: int) -> None:
    """Write a log and close it, so that no flusher but the test's is at its files."""
    with EmbeddedLog(root, options=KEEP_ALL) as log:
        _append(log, "a", count)


def _segments(root: Path) -> set[int]:
    return {int(path.stem) for path in (root / "frames").iterdir()}


def _commit(log: EmbeddedLog, group: str, count: int) -> None:
    with log.consumer(group, member="m") as consumer:
        records = read(consumer, count)
        consumer.commit([make_event(record) for record in records], marks_after(records))


def test_nothing_goes_before_a_group_has_read_it(log: EmbeddedLog, tmp_path: Path) -> None:
    _append(log, "a", 12)
    retain(tmp_path, retain_bytes=0)
    assert _segments(tmp_path) == {1, 2, 3, 4}, "no group exists: everything is still needed"
    _commit(log, "fast", 12)
    _commit(log, "slow", 7)
    retain(tmp_path, retain_bytes=0)
    assert _segments(tmp_path) == {3, 4}, "the slow group is within the third"
    _commit(log, "slow", 5)
    retain(tmp_path, retain_bytes=0)
    assert _segments(tmp_path) == set()
    (gap,) = log.gaps()
    assert (gap.reason, gap.stream, gap.first_seq, gap.last_seq) == ("retention", "a", 0, 11)
    assert (gap.first_offset, gap.last_offset) == (0, 11)


def test_who_holds_the_log_back_is_named(log: EmbeddedLog, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _append(log, "a", 6)
    _commit(log, "slow", 1)
    with caplog.at_level(logging.WARNING):
        retain(tmp_path, retain_bytes=0)
    assert "group slow has not read it all" in caplog.text
    with log.consumer("slow", member="m"), pytest.raises(LogError, match="living member"):
        log.forget_group("slow")
    log.forget_group("slow")
    _commit(log, "fast", 6)
    retain(tmp_path, retain_bytes=0)
    assert _segments(tmp_path) == set()
    assert log.committed("slow") == {}


def test_the_hard_limit_takes_what_is_unread_and_the_reader_goes_on_behind_it(log: EmbeddedLog, tmp_path: Path) -> None:
    _append(log, "a", 12)
    with log.consumer("g", member="m") as consumer:
        (first,) = read(consumer, 1)
        retain(tmp_path, retain_bytes=2 * 4096, retain_hard=True)
        assert _segments(tmp_path) == {3, 4}
        rest = read(consumer, 6)
        assert [record.meta.key.seq for record in rest] == [6, 7, 8, 9, 10, 11]
        assert all(is_whole(record) for record in (first, *rest))
        assert log.read_frame(first.meta.pointer) is None
        consumer.commit([make_event(record) for record in rest], marks_after(rest))
    report = audit(log)
    assert report.ok, report.findings
    assert [(gap.first_seq, gap.last_seq) for gap in report.gaps] == [(0, 5)]


def test_what_retention_takes_while_it_is_read_is_no_loss(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _append(log, "a", 6)
    pointers = [meta.pointer for meta in log.scan_frames()]
    read_map = SegmentMaps.read

    def late_map(maps: SegmentMaps, *where: int) -> memoryview | None:
        retain(tmp_path, retain_bytes=3500, retain_hard=True)
        return read_map(maps, *where)

    def late_file(path: Path, *where: int) -> memoryview | None:
        retain(tmp_path, retain_bytes=0, retain_hard=True)
        return read_cold(path, *where)

    monkeypatch.setattr(SegmentMaps, "read", late_map)
    monkeypatch.setattr("framehop.log.embedded.embedded_log.read_cold", late_file)
    with log.consumer("g", member="m") as consumer:
        assert [record.meta.key.seq for record in read(consumer, 3)] == [3, 4, 5]
    assert log.read_frame(pointers[-1]) is None


def test_a_log_that_lost_everything_is_read_from_its_end(log: EmbeddedLog, tmp_path: Path) -> None:
    state = _append(log, "a", 6)
    retain(tmp_path, retain_bytes=0, retain_hard=True)
    with log.consumer("g", member="m") as consumer:
        again = _append(log, "a", 1)
        assert [record.meta.key.seq for record in read(consumer, 1)] == [6]
    assert (again.epoch, again.next_seq) == (state.epoch, 6), "a gap counts as written"


def test_age_counts_from_the_newest_frame_of_a_segment(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _append(log, "a", 6)
    later = now_us() + 3_600_000_000
    retain(tmp_path, retain_bytes=None, retain_age_s=1800.0, retain_hard=True)
    assert _segments(tmp_path) == {1, 2}
    monkeypatch.setattr("framehop.log.embedded.retention.now_us", lambda: later)
    retain(tmp_path, retain_bytes=None, retain_age_s=7200.0, retain_hard=True)
    assert _segments(tmp_path) == {1, 2}
    retain(tmp_path, retain_bytes=None, retain_age_s=1800.0, retain_hard=True)
    assert _segments(tmp_path) == set()


def test_a_gap_never_covers_what_was_missing_before(log: EmbeddedLog, tmp_path: Path) -> None:
    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        for seq in (0, 1, 3, 4):
            writer.append(make_frame(state, seq, size=10))
    retain(tmp_path, retain_bytes=0, retain_hard=True)
    assert [(gap.first_seq, gap.last_seq) for gap in log.gaps()] == [(0, 1), (3, 4)]
    report = audit(log)
    assert (report.missing, report.findings) == (1, [f"missing: a/{state.epoch}/2, no frame and no gap"])


def test_the_segment_that_is_being_written_stays(log: EmbeddedLog, tmp_path: Path) -> None:
    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        writer.append(make_frame(state, 0))
        assert writer.flush(TIMEOUT_S)
        retain(tmp_path, retain_bytes=0, retain_hard=True)
        assert _segments(tmp_path) == {1}


def test_a_dead_writers_segment_counts_as_closed(log: EmbeddedLog, tmp_path: Path) -> None:
    with LogProcess(tmp_path, segment_bytes=4096) as child:
        child.call("open_stream", "a")
        child.call("append", 0, 2)
        retain(tmp_path, retain_bytes=0, retain_hard=True)
        assert _segments(tmp_path) == {1}
        child.kill()
    retain(tmp_path, retain_bytes=0, retain_hard=True)
    assert _segments(tmp_path) == set()
    assert [(gap.first_seq, gap.last_seq) for gap in log.gaps()] == [(0, 1)]
    assert [path.name for path in (tmp_path / "locks").glob("w.*")] == []


def test_what_a_dead_writer_wrote_last_is_synced(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LogProcess(tmp_path) as child:
        child.call("open_stream", "a")
        child.call("append", 0, 2)
        child.kill()
    sync, synced = os.fdatasync, list[str]()

    def noted(fd: int) -> None:
        sync(fd)
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    monkeypatch.setattr(os, "fdatasync", noted)
    for _ in range(2):
        retain(tmp_path, retain_bytes=None)
    assert synced.count("1.seg") == 1, "once, and then its row says that it is closed"


def _break(monkeypatch: pytest.MonkeyPatch, call: str, name: str) -> None:
    """Have the disk refuse a call of `os` for the file of this name, for as long as `monkeypatch` holds."""
    healthy = getattr(os, call)

    def refused(file: int | Path, *args: object, **named: object) -> object:
        path = Path(f"/proc/self/fd/{file}").readlink() if isinstance(file, int) else Path(file)
        if path.name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return healthy(file, *args, **named)

    monkeypatch.setattr(os, call, refused)


@pytest.mark.parametrize("call", ["fdatasync", "open"])
def test_a_dead_writers_segment_that_the_disk_refuses_holds_up_no_other(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    with LogProcess(tmp_path) as first, LogProcess(tmp_path) as second:
        for child, count in ((first, 2), (second, 3)):
            child.call("open_stream", f"s{count}")
            child.call("append", 0, count)
        second.kill()
        first.kill()  # as the last: a writer that lives syncs what a dead one has left
    with monkeypatch.context() as disk:
        _break(disk, call, "1.seg")
        for _ in range(2):
            retain(tmp_path, retain_bytes=0, retain_hard=True)
    assert _segments(tmp_path) == set()
    assert sorted((gap.stream, gap.first_seq, gap.last_seq) for gap in log.gaps()) == [("s2", 0, 1), ("s3", 0, 2)]
    said = [message for message in caplog.messages if "1.seg" in message]
    assert len(said) == (call == "fdatasync"), "one that cannot be opened is told by who looks for its pictures"


def test_a_file_that_a_broken_disk_keeps_holds_up_no_other_and_goes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _fill(tmp_path, 9)
    retention = Retention(LogPaths(tmp_path), LogOptions(retain_bytes=0, retain_hard=True))
    with closing(WriteAhead(tmp_path / "index.db")) as ahead:
        with monkeypatch.context() as disk:
            _break(disk, "unlink", "1.seg")
            for _ in range(3):
                retention.apply(ahead)
        assert _segments(tmp_path) == {1}
        assert [message.partition(" cannot")[0] for message in caplog.messages] == [str(LogPaths(tmp_path).segment(1))]
        later_s = time.monotonic() + SWEEP_AGAIN_S
        monkeypatch.setattr(time, "monotonic", lambda: later_s)
        retention.apply(ahead)
    assert _segments(tmp_path) == set()


def test_files_stay_until_power_loss_cannot_bring_their_rows_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(tmp_path, 6)
    limits = LogOptions(retain_bytes=0, retain_hard=True)
    first, successor = (Retention(LogPaths(tmp_path), limits) for _ in range(2))

    def broken(_: WriteAhead) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with closing(WriteAhead(tmp_path / "index.db")) as ahead:
        with monkeypatch.context() as disk:
            disk.setattr(WriteAhead, "sync", broken)
            for retention in (first, successor):  # the successor finds a file without its row
                with pytest.raises(OSError, match="Input/output"):
                    retention.apply(ahead)
        with EmbeddedLog(tmp_path) as log:
            assert [meta.key.seq for meta in log.scan_frames()] == [3, 4, 5]
        assert _segments(tmp_path) == {1, 2}, "after power loss now they are all there"
        first.apply(ahead)
    assert _segments(tmp_path) == set()


def test_the_write_ahead_log_stays_small_though_many_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(tmp_path, 12)
    checkpoint, left = WriteAhead.checkpoint, list[int]()

    def noted(ahead: WriteAhead) -> None:
        checkpoint(ahead)
        left.append(len(_segments(tmp_path)))

    monkeypatch.setattr(write_ahead, "CHECKPOINT_PAGES", 1)
    monkeypatch.setattr(WriteAhead, "checkpoint", noted)
    retain(tmp_path, retain_bytes=0, retain_hard=True)
    assert left == [3, 2, 1, 0]


def test_what_is_dropped_makes_room_though_there_is_none_to_drop_the_next(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _append(log, "a", 6)
    drop = Retention._drop

    def full(retention: Retention, db: apsw.Connection, number: int) -> None:
        if number > 1:
            raise LogFullError("no room")
        drop(retention, db, number)

    monkeypatch.setattr(Retention, "_drop", full)
    with pytest.raises(LogFullError):
        retain(tmp_path, retain_bytes=0, retain_hard=True)
    assert _segments(tmp_path) == {2}


def test_files_that_no_row_knows_are_swept(log: EmbeddedLog, tmp_path: Path) -> None:
    _append(log, "a", 3)
    (tmp_path / "frames" / "7.seg").write_bytes(b"its row went, its process died")
    retain(tmp_path, retain_bytes=None)
    assert _segments(tmp_path) == {1}


def test_a_row_without_a_file_goes_quietly(log: EmbeddedLog, tmp_path: Path) -> None:
    db = connect(tmp_path / "index.db")
    rows(db, "INSERT INTO segments(writer) VALUES('dead')")
    db.close()
    retain(tmp_path, retain_bytes=None)
    db = connect(tmp_path / "index.db")
    assert rows(db, "SELECT * FROM segments") == []
    db.close()
    assert log.gaps() == []


def test_a_writer_keeps_the_log_within_its_limits(tmp_path: Path) -> None:
    options = LogOptions(segment_bytes=4096, retain_bytes=8192, retain_hard=True, session_timeout_s=20.0)
    with EmbeddedLog(tmp_path, options=options) as log:
        _append(log, "a", 60)
        with log.writer():
            until(lambda: len(_segments(tmp_path)) <= 2, "retention")
        (gap,) = log.gaps()
        assert gap.first_seq == 0, "one row, however often retention ran"
        assert [meta.key.seq for meta in log.scan_frames()] == list(range(gap.last_seq + 1, 60))
