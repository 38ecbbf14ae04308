"""The flusher: a thread that makes written data durable and keeps the write-ahead log small.

It is a thread because fdatasync and checkpoints inside an append would set the append's p99. One process of a log flushes at a
time. While nothing is dirty, only retention by age wakes it.
"""

from __future__ import annotations

import logging
import threading
import time

import apsw

from framehop.errors import LogError, text_of
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.options import LogOptions
from framehop.log.embedded.presence import Presence
from framehop.log.embedded.retention import Retention
from framehop.log.embedded.segments import SegmentFile
from framehop.log.locks import FileLock
from framehop.log.sqlite import BUSY_TIMEOUT_MS, connect, translated
from framehop.timing import Reminder

logger = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 0.05  # how much power loss may take in durability `process`
_AFTER_ERROR_S = 1.0
_RETENTION_INTERVAL_S = 1.0
_TRUNCATE_BUSY_MS = 20
_MAX_WAL_BYTES = 4 << 20
"""Above this the write-ahead log is cut off; below, a checkpoint lets it start again from its beginning."""


class Maintenance:
    """The flusher of one log, which owns it; the thread starts with the first `mark`. Thread-safe. It may be closed twice."""

    def __init__(self, paths: LogPaths, options: LogOptions, presence: Presence) -> None:
        self._paths = paths
        self._options = options
        self._presence = presence
        self._lock = threading.Lock()
        self._segments: set[SegmentFile] = set()
        self._retired: set[SegmentFile] = set()
        self._dirty = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._retention: Retention | None = None
        self._next_retention = 0.0
        self._db: apsw.Connection | None = None
        self._reminder = Reminder()

    def mark(self, segment: SegmentFile | None = None) -> None:
        """Note that something was committed and written to `segment`."""
        with self._lock:
            if segment is not None:
                self._segments.add(segment)
            self._wake()

    def retire(self, segment: SegmentFile) -> None:
        """Close `segment` once it is durable."""
        with self._lock:
            self._segments.add(segment)
            self._retired.add(segment)
            self._wake()

    def request_retention(self) -> None:
        """Check the limits soon, and regularly from now on, because a writer started or began a new segment."""
        with self._lock:
            if self._retention is None:
                self._retention = Retention(self._paths, self._options)
            self._next_retention = 0.0
            self._wake()

    def close(self) -> None:
        """Make everything durable and end the thread."""
        self._stop.set()
        self._dirty.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _wake(self) -> None:
        self._dirty.set()
        if self._thread is None and not self._stop.is_set():
            thread = threading.Thread(target=self._run, name="framehop-log-flusher", daemon=True)
            thread.start()  # short of memory it raises, and then there is none to wait for
            self._thread = thread

    def _run(self) -> None:
        pause_s = FLUSH_INTERVAL_S
        while not self._stop.is_set():
            self._dirty.wait(self._idle_s())
            self._stop.wait(pause_s)
            self._dirty.clear()
            pause_s = self._try_round()
        self._try_round()  # writes what came during the last round
        if self._db is not None:
            self._db.close()

    def _try_round(self) -> float:
        """Run a round and return how long to leave the log alone afterwards."""
        try:
            with translated(self._paths.root):
                self._round()
        except (LogError, MemoryError) as error:
            if self._reminder.due(type(error).__name__, time.monotonic()):
                logger.warning("flushing %s failed and is tried again: %s", self._paths.root, text_of(error))
            self._dirty.set()
            return _AFTER_ERROR_S
        self._reminder.over()
        return FLUSH_INTERVAL_S

    def _idle_s(self) -> float | None:
        """Return how long to sleep while nothing is written; frames and events still grow old."""
        ages = [age for age in (self._options.retain_age_s, self._options.retain_event_age_s) if age is not None]
        return min(60.0, max(min(ages) / 4, FLUSH_INTERVAL_S)) if ages and self._retention is not None else None

    def _round(self) -> None:
        # Payloads come before the index, so that after power loss no row points to data that never reached the disk.
        self._sync_segments()
        self._presence.check()  # of a log that was made in its place, retention would remove the segments that are not ours
        lock = FileLock.try_acquire(self._paths.flusher_lock)
        if lock is None:
            self._dirty.set()  # another process is flushing, perhaps since before our last commit
            return
        try:
            db = self._opened()
            self._checkpoint(db)
            self._retain(db)
        finally:
            lock.release()

    def _opened(self) -> apsw.Connection:
        """Open the index at the first round that needs it, so that a lack of descriptors or memory costs that round alone."""
        if self._db is None:
            self._db = connect(self._paths.index)
        return self._db

    def _sync_segments(self) -> None:
        with self._lock:
            dirty, self._segments = self._segments, set()
            retired, self._retired = self._retired, set()
        for segment in dirty:
            segment.sync()
        for segment in retired:
            segment.close()

    def _checkpoint(self, db: apsw.Connection) -> None:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if self._wal_bytes() > _MAX_WAL_BYTES and not _truncate(db):
            self._dirty.set()

    def _wal_bytes(self) -> int:
        try:
            return self._paths.index.with_name("index.db-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def _retain(self, db: apsw.Connection) -> None:
        with self._lock:
            retention, due = self._retention, time.monotonic() >= self._next_retention
        if retention is None or not due:
            return
        self._next_retention = time.monotonic() + _RETENTION_INTERVAL_S
        retention.apply(db)


def _truncate(db: apsw.Connection) -> bool:
    """Truncate the write-ahead log; False when readers use it. Writers wait meanwhile, so it waits only briefly."""
    db.set_busy_timeout(_TRUNCATE_BUSY_MS)
    try:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        return False
    finally:
        db.set_busy_timeout(BUSY_TIMEOUT_MS)
    return True
