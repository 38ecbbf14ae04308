"""The flusher: a thread that makes written data durable and keeps the write-ahead log small.

It is a thread because fdatasync and checkpoints inside an append would set the append's p99. One process of a log checkpoints at a
time. While nothing is dirty, only a checkpoint that is due and retention by age wake it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection

import apsw

from framehop.errors import LogError, text_of
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.options import LogOptions
from framehop.log.embedded.presence import Presence
from framehop.log.embedded.retention import Retention
from framehop.log.embedded.segments import SegmentFile
from framehop.log.embedded.write_ahead import CHECKPOINT_PAGES, WriteAhead
from framehop.log.locks import FileLock
from framehop.log.sqlite import translated
from framehop.timing import Reminder

logger = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 0.05  # how much power loss may take in durability `process`
_AFTER_ERROR_S = 1.0
_RETENTION_INTERVAL_S = 1.0
LARGE_BYTES = 64 << 20  # many times what a write-ahead log has that can be written into its index


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
        self._ahead: WriteAhead | None = None
        self._reminder, self._swollen = Reminder(), Reminder()

    def mark(self, segment: SegmentFile | None = None) -> None:
        """Note that something was committed and written to `segment`."""
        with self._lock:
            if segment is not None:
                self._segments.add(segment)
            self._wake()

    def watch(self, db: apsw.Connection) -> None:
        """Keep the write-ahead log small though what is committed through `db` is not marked."""
        db.set_wal_hook(self._committed)

    def _committed(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        if pages > CHECKPOINT_PAGES:
            self.mark()
        return apsw.SQLITE_OK

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
        with self._lock:
            left, self._retired = self._retired, set()
        for segment in left:  # the last round failed
            segment.close()

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
        if self._ahead is not None:
            self._ahead.close()

    def _try_round(self) -> float:
        """Run a round and return how long to leave the log alone afterwards."""
        try:
            with translated(self._paths.root):
                self._round()
        except Exception as error:  # one fault must not end the thread, or nothing would be made durable any more
            if self._reminder.due(text_of(error), time.monotonic()):
                logger.warning(
                    "flushing %s failed and is tried again: %s",
                    self._paths.root,
                    text_of(error),
                    exc_info=not isinstance(error, LogError | MemoryError),
                )
            self._dirty.set()
            return _AFTER_ERROR_S
        self._reminder.over()
        return FLUSH_INTERVAL_S

    def _idle_s(self) -> float | None:
        """Return how long to sleep while nothing is written: until a checkpoint is due, and frames and events still grow old."""
        checkpoint_s = self._ahead.due_in_s if self._ahead is not None else None
        times = [found for found in (checkpoint_s, self._ageing_s()) if found is not None]
        return min(times, default=None)

    def _ageing_s(self) -> float | None:
        ages = [age for age in (self._options.retain_age_s, self._options.retain_event_age_s) if age is not None]
        return min(60.0, max(min(ages) / 4, FLUSH_INTERVAL_S)) if ages and self._retention is not None else None

    def _round(self) -> None:
        # Payloads come before the index: after power loss only rows of this very moment may point to data that never reached the
        # disk, and their checksums tell; so do those of a file that its disk refuses, which must not hold up the rest.
        failure = self._sync_segments()
        self._presence.check()  # of a log that was made in its place, retention would remove the segments that are not ours
        ahead = self._opened()
        ahead.sync()
        self._note_size(ahead)
        retention = self._due_retention()
        if retention is not None or ahead.due_in_s == 0 or self._stop.is_set():
            self._tend(ahead, retention)
        if failure is not None:
            raise failure

    def _note_size(self, ahead: WriteAhead) -> None:
        """Say so if the write-ahead log grows: it does without end while somebody holds up every checkpoint."""
        if ahead.size_bytes <= LARGE_BYTES:
            self._swollen.over()
        elif self._swollen.due("", time.monotonic()):
            logger.warning(
                "the write-ahead log of %s has grown to %d MiB: end the process of this log that is stopped (state T in ps), or "
                "the program that has long been reading index.db",
                self._paths.root,
                ahead.size_bytes >> 20,
            )

    def _opened(self) -> WriteAhead:
        """Open the index at the first round that needs it, so that a lack of descriptors or memory costs that round alone."""
        if self._ahead is None:
            self._ahead = WriteAhead(self._paths.index)
        return self._ahead

    def _tend(self, ahead: WriteAhead, retention: Retention | None) -> None:
        """Checkpoint and apply the limits, unless another process is at it, which may have begun before our last commit."""
        lock = FileLock.try_acquire(self._paths.flusher_lock)
        if lock is None:
            self._dirty.set()
            return
        try:
            ahead.checkpoint()
            if retention is not None:
                self._next_retention = time.monotonic() + _RETENTION_INTERVAL_S
                retention.apply(ahead)
        finally:
            lock.release()

    def _due_retention(self) -> Retention | None:
        with self._lock:
            return self._retention if time.monotonic() >= self._next_retention else None

    def _sync_segments(self) -> OSError | None:
        """Sync what was written, and close what is retired. What the disk refuses is kept for the next round, and its error
        returned."""
        with self._lock:
            dirty, self._segments = self._segments, set()
            retired, self._retired = self._retired, set()
        try:
            refused = {segment: error for segment in dirty if (error := self._refusal(segment)) is not None}
        except BaseException:
            self._keep(dirty, retired)
            raise
        self._keep(refused, retired)
        for segment in retired - refused.keys():
            segment.close()
        return next(iter(refused.values()), None)

    def _refusal(self, segment: SegmentFile) -> OSError | None:
        """Sync a segment, and return the error that names it if the disk refuses."""
        try:
            segment.sync()
        except OSError as error:
            return OSError(error.errno, error.strerror, str(self._paths.segment(segment.number)))
        return None

    def _keep(self, dirty: Collection[SegmentFile], retired: set[SegmentFile]) -> None:
        """Have segments synced by the next round, and those of them that are `retired` closed."""
        with self._lock:
            self._segments.update(dirty)
            self._retired.update(retired.intersection(dirty))
