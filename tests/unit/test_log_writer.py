"""The writer of the embedded log: what is durable when, and how it fails."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from framehop.errors import LogError, StreamBusyError, is_out_of_memory
from framehop.log import LogOptions, open_log
from framehop.log.embedded.options import Durability
from framehop.log.embedded.segments import SegmentFile
from framehop.log.sqlite import connect, rows, value
from framehop.protocols import Ack
from tests.logs import TIMEOUT_S, make_frame, write
from tests.waiting import until


class _Story:
    """A record, in order, of the writer thread's syncs and of acknowledgements, each with the frames visible then."""

    def __init__(self, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, int]] = []
        self._db = connect(index)
        self._lock = threading.Lock()
        real = SegmentFile.sync

        def sync(segment: SegmentFile) -> None:
            if threading.current_thread().name == "framehop-log-writer":
                self.note("sync")
            real(segment)

        monkeypatch.setattr(SegmentFile, "sync", sync)

    def note(self, what: str) -> None:
        with self._lock:
            self.seen.append((what, value(self._db, "SELECT count(*) FROM frames")))

    def ack(self, _ack: Ack) -> None:
        self.note("ack")

    def close(self) -> None:
        self._db.close()


@pytest.mark.parametrize(
    ("durability", "expected"),
    [
        ("power", [("sync", 0), ("ack", 1), ("sync", 1), ("ack", 2)]),
        ("process", [("ack", 1), ("ack", 2)]),
    ],
)
def test_power_syncs_before_the_row_exists_and_acknowledges_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability, expected: list[tuple[str, int]]
) -> None:
    with open_log(tmp_path, options=LogOptions(durability=durability)) as log, log.writer() as writer:
        story = _Story(tmp_path / "index.db", monkeypatch)
        state = writer.open_stream("a", source="test:", finite=False)
        for seq in range(2):
            writer.append(make_frame(state, seq), story.ack)
            assert writer.flush(TIMEOUT_S)
        story.close()
    assert story.seen == expected


@pytest.mark.parametrize(("full", "synchronous"), [(True, 2), (False, 1)])
def test_commits_are_as_durable_as_asked(tmp_path: Path, full: bool, synchronous: int) -> None:
    open_log(tmp_path).close()
    db = connect(tmp_path / "index.db", full=full)
    assert value(db, "PRAGMA synchronous") == synchronous
    assert value(db, "PRAGMA journal_mode") == "wal"
    assert value(db, "PRAGMA wal_autocheckpoint") == 0
    db.close()


def test_a_backlog_is_committed_in_batches(tmp_path: Path) -> None:
    first, rings = threading.Event(), []
    with open_log(tmp_path) as log, log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        taken = threading.Event()
        writer.append(make_frame(state, 0), lambda _ack: _hold(taken, first))
        assert taken.wait(TIMEOUT_S)
        for seq in range(1, 101):
            writer.append(make_frame(state, seq), lambda ack: rings.append(ack.pointer.offset))
        first.set()
        assert writer.flush(TIMEOUT_S)
        times = {meta.appended_us for meta in log.scan_frames()}
    assert rings == list(range(1, 101))
    assert len(times) == 2, "one transaction for the first frame, one for the hundred that waited"


def _hold(taken: threading.Event, go_on: threading.Event) -> None:
    taken.set()
    assert go_on.wait(TIMEOUT_S)


def test_the_writer_that_lost_its_generation_writes_nothing_more(tmp_path: Path) -> None:
    with open_log(tmp_path) as log, log.writer() as writer:
        state = write(writer, "a", 2)
        db = connect(tmp_path / "index.db")
        rows(db, "UPDATE streams SET generation=generation+1")
        db.close()
        writer.append(make_frame(state, 2))
        with pytest.raises(LogError, match="taken over by another writer"):
            writer.flush(TIMEOUT_S)
        with pytest.raises(LogError, match="taken over by another writer"):
            writer.append(make_frame(state, 3))
        assert len(list(log.scan_frames())) == 2


def test_a_busy_stream_names_its_writers_process(tmp_path: Path) -> None:
    with open_log(tmp_path) as log, log.writer() as writer, log.writer() as other:
        writer.open_stream("gate-1", source="test:", finite=False)
        with pytest.raises(StreamBusyError, match=rf"stream gate-1 .* process {os.getpid()} .*--stream"):
            other.open_stream("gate-1", source="test:", finite=False)


def test_a_clock_that_went_back_makes_no_older_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_log(tmp_path) as log:
        with log.writer() as writer:
            first = writer.open_stream("a", source="test:", finite=False)
        monkeypatch.setattr("framehop.passes.now_us", lambda: 1000)
        with log.writer() as writer:
            second = writer.open_stream("a", source="test:", finite=False)
            third = writer.next_pass("a")
    assert (second.epoch, third.epoch) == (first.epoch + 1, first.epoch + 2)


def test_the_flusher_keeps_the_write_ahead_log_small(tmp_path: Path) -> None:
    with open_log(tmp_path) as log, log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        for seq in range(3000):
            writer.append(make_frame(state, seq, size=10))
            if seq % 10 == 0:
                assert writer.flush(TIMEOUT_S)
        assert writer.flush(TIMEOUT_S)
        until(lambda: (tmp_path / "index.db-wal").stat().st_size <= 4 << 20, "a short write-ahead log")


def test_no_room_pushes_back_says_why_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = [0]
    monkeypatch.setattr("framehop.log.embedded.append_commits.free_bytes", lambda _path: room[0])
    acks: list[Ack] = []
    with open_log(tmp_path, options=LogOptions(queue_bytes=4000)) as log, log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        taken = 0
        while writer.append(make_frame(state, taken), acks.append, timeout_s=0.05):
            taken += 1
        until(lambda: writer.stalled != "", "the reason")
        assert taken == 4
        assert acks == []
        assert str(tmp_path) in writer.stalled
        assert "MiB free. Make room" in writer.stalled
        room[0] = 1 << 40
        assert writer.flush(TIMEOUT_S)
        assert (len(acks), writer.stalled) == (4, "")


def test_a_writer_that_has_no_memory_fails_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def write_nothing(*_args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(SegmentFile, "write", write_nothing)
    with open_log(tmp_path) as log, log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        writer.append(make_frame(state, 0))
        with pytest.raises(LogError, match="MemoryError") as caught:
            writer.flush(TIMEOUT_S)
        assert is_out_of_memory(caught.value)
        with pytest.raises(LogError, match="MemoryError"):
            writer.append(make_frame(state, 1))
    assert "1 frames were not taken by the log at close: MemoryError" in caplog.text


def test_closing_a_stalled_writer_ends_and_counts_what_was_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("framehop.log.embedded.append_commits.free_bytes", lambda _path: 0)
    monkeypatch.setattr("framehop.log.embedded.writer.WRITER_CLOSE_S", 0.1)
    with open_log(tmp_path) as log:
        writer = log.writer()
        state = writer.open_stream("a", source="test:", finite=True)
        for seq in range(3):
            writer.append(make_frame(state, seq))
        with caplog.at_level(logging.WARNING):
            writer.close()
        assert "3 frames were not taken by the log at close: no room" in caplog.text
        monkeypatch.undo()
        with log.writer() as successor:
            assert successor.open_stream("a", source="test:", finite=True) == state
