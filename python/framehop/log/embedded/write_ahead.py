"""The write-ahead log of the index as the flusher sees it: synced at once, written into the index now and then.

A commit survives power loss once `index.db-wal` is synced. Writing its pages into `index.db` takes two more syncs, and a page that
ten commits have changed is written once if they share a checkpoint.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import apsw

from framehop.log.embedded.segments import sync_directory
from framehop.log.sqlite import BUSY_TIMEOUT_MS, connect, rows, translated

CHECKPOINT_INTERVAL_S = 1.0
CHECKPOINT_PAGES = 256  # so many are written at once, so that the write-ahead log stays small whatever the load
_TRUNCATE_BUSY_MS = 20
_MAX_BYTES = 4 << 20
"""Above this the write-ahead log is cut off; below, a checkpoint lets it start again from its beginning."""


class WriteAhead:
    """Owns a connection, `db`, and a descriptor of the write-ahead log. Use from one thread."""

    def __init__(self, index: Path) -> None:
        """Raises LogError and OSError."""
        self._index = index
        self.db = connect(index)
        try:
            rows(
                self.db, "SELECT count(*) FROM sqlite_master"
            )  # from here on the file is there, and stays as long as `db`
            self._fd = _open_synced(index.with_name("index.db-wal"))
        except BaseException:
            self.db.close()
            raise
        self._next_s = time.monotonic() + CHECKPOINT_INTERVAL_S
        self._pages = 0  # of the write-ahead log that were not in the index when that was last looked at
        self._uncut = False

    def sync(self) -> None:
        """Make all commits so far durable. Any number of processes may do so at once."""
        os.fdatasync(self._fd)
        self._pages = self._pages_after(apsw.SQLITE_CHECKPOINT_NOOP)

    @property
    def due_in_s(self) -> float | None:
        """Seconds until a checkpoint is due, 0 if it is; None while nothing that was synced waits for one. Asks nobody."""
        if not (self._pages or self._uncut):
            return None
        return 0.0 if self._pages >= CHECKPOINT_PAGES else max(0.0, self._next_s - time.monotonic())

    def checkpoint(self) -> None:
        """Write what was committed into the index. Another checkpoint is due if readers kept it from writing all of that, or from
        cutting off a write-ahead log that is too large. One process of a log may do so at a time."""
        with translated(self._index, self.db):
            self._pages = self._pages_after(apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._next_s = time.monotonic() + CHECKPOINT_INTERVAL_S
            self._uncut = self.size_bytes > _MAX_BYTES and not _truncate(self.db)

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._fd).st_size

    def close(self) -> None:
        try:
            self.db.close()
        finally:
            os.close(self._fd)

    def _pages_after(self, mode: int) -> int:
        """Checkpoint by `mode`, and return how many pages of the write-ahead log are not in the index then."""
        try:
            logged, written = self.db.wal_checkpoint(mode=mode)
        except apsw.BusyError:  # it does not wait for a process that is just then writing what it would read
            return max(1, self._pages)
        return max(0, logged - written)


def _open_synced(path: Path) -> int:
    """Open the write-ahead log, and make its name durable. Unlike the other two files of SQLite this one carries no locks that
    closing it would drop."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        sync_directory(path.parent)
    except BaseException:
        os.close(fd)
        raise
    return fd


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
