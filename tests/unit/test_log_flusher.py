"""The flusher of a log in a directory: what it makes durable when, and where it cannot work at once."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import Path

import apsw
import pytest

from framehop.errors import LogError
from framehop.log import EmbeddedLog, LogOptions
from framehop.log.embedded import write_ahead
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.maintenance import Maintenance
from framehop.log.embedded.options import Durability
from framehop.log.embedded.presence import Presence
from framehop.log.embedded.segments import SegmentFile
from framehop.log.embedded.write_ahead import WriteAhead
from framehop.log.sqlite import connect, value
from tests.logs import make_event, marks_after, read, write
from tests.waiting import until

HOURS = 3600.0
WAL = "index.db-wal"


class _Flusher:
    """The files that Python code has synced, in order, and among them `checkpoint` for each one that has begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        sync, checkpoint = os.fdatasync, WriteAhead.checkpoint

        def noted_sync(fd: int) -> None:
            sync(fd)
            self.done.append(Path(f"/proc/self/fd/{fd}").readlink().name)

        def noted_checkpoint(ahead: WriteAhead) -> None:
            self.done.append("checkpoint")
            checkpoint(ahead)

        monkeypatch.setattr(os, "fdatasync", noted_sync)
        monkeypatch.setattr(WriteAhead, "checkpoint", noted_checkpoint)

    def after(self, act: Callable[[], object], what: str) -> None:
        """Call `act`, and wait until `what` was done once more than before."""
        count = self.done.count(what)
        act()
        until(lambda: self.done.count(what) > count, what)


def _commits(root: Path, frames: int) -> Generator[Callable[[], object], None, None]:
    """Yield a function for each frame that commits its event, in a log that writes no frames meanwhile: the limits of a log that
    does bring checkpoints of their own."""
    with EmbeddedLog(root) as log, log.writer() as writer:
        write(writer, "gate", frames)
    with EmbeddedLog(root) as log, log.consumer("g", member="m") as consumer:
        for record in read(consumer, frames):
            yield partial(consumer.commit, [make_event(record)], marks_after([record]))


def test_the_row_of_a_picture_is_synced_right_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flusher = _Flusher(monkeypatch)
    with EmbeddedLog(tmp_path) as log, log.writer() as writer:
        flusher.after(lambda: write(writer, "gate", 1), "1.seg")
    assert flusher.done[flusher.done.index("1.seg") + 1] == WAL


@pytest.mark.parametrize(("durability", "asks"), [("power", False), ("process", True)])
def test_only_the_writer_asks_for_what_it_syncs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability, asks: bool
) -> None:
    """The kernel tells that it could not write something to one sync alone, which has to be the writer's."""
    mark, marked = Maintenance.mark, list[bool]()

    def noted(flusher: Maintenance, segment: SegmentFile | None = None) -> None:
        marked.append(segment is not None)
        mark(flusher, segment)

    monkeypatch.setattr(Maintenance, "mark", noted)
    with EmbeddedLog(tmp_path, options=LogOptions(durability=durability)) as log, log.writer() as writer:
        write(writer, "gate", 1)
    assert marked
    assert any(marked) == asks


def test_every_commit_is_synced_at_once_and_many_share_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_ahead, "CHECKPOINT_INTERVAL_S", HOURS)
    flusher = _Flusher(monkeypatch)
    found: list[int] = []
    for commit in _commits(tmp_path, 5):
        flusher.after(commit, WAL)
        found.append(flusher.done.count("checkpoint"))
    assert len(set(found)) == 1
    assert flusher.done.count("checkpoint") > found[-1]  # at the end


def test_a_large_write_ahead_log_waits_for_no_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_ahead, "CHECKPOINT_INTERVAL_S", HOURS)
    monkeypatch.setattr(write_ahead, "CHECKPOINT_PAGES", 1)
    flusher = _Flusher(monkeypatch)
    for commit in _commits(tmp_path, 3):
        flusher.after(commit, "checkpoint")


def test_what_was_committed_last_is_checkpointed_though_nothing_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_ahead, "CHECKPOINT_INTERVAL_S", 0.3)
    flusher = _Flusher(monkeypatch)
    with closing(_commits(tmp_path, 1)) as commits:
        flusher.after(next(commits), "checkpoint")


def test_what_is_committed_beside_the_log_is_checkpointed_once_it_is_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flusher = _Flusher(monkeypatch)
    with EmbeddedLog(tmp_path) as log, closing(connect(tmp_path / "index.db")) as db:
        log.watch(db)

        def fill() -> None:
            for number in range(write_ahead.CHECKPOINT_PAGES + 1):
                db.execute("INSERT INTO groups(name) VALUES(?)", (f"g{number}",))

        flusher.after(fill, "checkpoint")


def test_a_write_ahead_log_that_grows_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("framehop.log.embedded.maintenance.LARGE_BYTES", 0)
    flusher = _Flusher(monkeypatch)
    for commit in _commits(tmp_path, 3):
        flusher.after(commit, WAL)
    assert caplog.text.count("has grown to") == 2  # by each of its two flushers


def test_a_flusher_that_could_not_open_the_index_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[Path] = []
    opened: list[apsw.Connection] = []

    def connect_later(path: Path) -> apsw.Connection:
        tries.append(path)
        if len(tries) == 1:
            raise LogError(f"{path}: Too many open files")
        opened.append(connect(path))
        return opened[-1]

    monkeypatch.setattr(write_ahead, "connect", connect_later)
    with EmbeddedLog(tmp_path) as log, log.writer() as writer:
        write(writer, "gate", 3)
        until(lambda: bool(opened), "another try")
    assert "is tried again: " in caplog.text


def test_a_flusher_that_could_not_be_started_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    EmbeddedLog(tmp_path).close()
    paths = LogPaths(root=tmp_path)
    flusher = Maintenance(paths, LogOptions(), Presence(paths))
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            flusher.mark()
    flusher.close()


class _Busy:
    """A connection that always finds another process in its way."""

    def wal_checkpoint(self, *, mode: int) -> tuple[int, int]:
        raise apsw.BusyError(f"mode {mode}: database is locked")


def test_who_finds_another_process_in_the_way_of_a_checkpoint_has_one_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    EmbeddedLog(tmp_path).close()
    with closing(WriteAhead(tmp_path / "index.db")) as ahead:
        for step in (ahead.sync, ahead.checkpoint):
            with monkeypatch.context() as busy:
                busy.setattr(ahead, "db", _Busy())
                step()
            assert ahead.due_in_s is not None
            ahead.checkpoint()
            assert ahead.due_in_s is None


def test_a_checkpoint_that_a_reader_keeps_from_its_end_is_due_again(tmp_path: Path) -> None:
    EmbeddedLog(tmp_path).close()
    with closing(WriteAhead(tmp_path / "index.db")) as ahead, closing(connect(tmp_path / "index.db")) as reader:
        reader.execute("BEGIN")
        assert value(reader, "SELECT count(*) FROM groups") == 0
        ahead.db.execute("INSERT INTO groups(name) VALUES('g')")
        ahead.checkpoint()
        assert ahead.due_in_s is not None
        reader.execute("COMMIT")
        ahead.checkpoint()
        assert ahead.due_in_s is None


@pytest.mark.parametrize("failure", [OSError(errno.EIO, os.strerror(errno.EIO)), RuntimeError("a fault")])
def test_pictures_that_could_not_be_synced_are_tried_again_and_their_file_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    EmbeddedLog(tmp_path).close()
    paths = LogPaths(root=tmp_path)
    segment = SegmentFile.create(paths.segment(1), 1, 4096, durable_name=False)
    sync, synced = SegmentFile.sync, list[bool]()

    def sync_later(which: SegmentFile) -> None:
        synced.append(bool(synced))
        if not synced[-1]:
            raise failure
        sync(which)

    monkeypatch.setattr(SegmentFile, "sync", sync_later)
    flusher = Maintenance(paths, LogOptions(), Presence(paths))
    flusher.retire(segment)
    until(lambda: any(synced), "another try")
    flusher.close()
    with pytest.raises(OSError, match="descriptor"):
        segment.write([(b"picture", 0)])


def test_pictures_that_a_disk_refuses_for_ever_hold_up_neither_the_others_nor_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedLog(tmp_path, options=LogOptions(segment_bytes=4096, retain_bytes=0, retain_hard=True)) as log:
        sync = SegmentFile.sync

        def refuse(segment: SegmentFile) -> None:
            if segment.number == 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            sync(segment)

        monkeypatch.setattr(SegmentFile, "sync", refuse)
        with log.writer() as writer:
            write(writer, "a", 12)
            until(lambda: len(list((tmp_path / "frames").iterdir())) < 2, "the retention of all but the newest")
    said = [message for message in caplog.messages if "flushing" in message]
    assert len(said) == 1
    assert said[0].endswith("frames/1.seg: Input/output error; check the disk and its rights")
