"""The file of the index of events: its tables, and who may use it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import apsw

from framehop.config.environment import cache_dir
from framehop.errors import ConfigError, LogCorruptError, NotALogError
from framehop.log.locks import FileLock
from framehop.log.sqlite import check_sqlite, open_existing, rows, translated, value

VERSION = 2
MAX_AT_ONCE = 8  # pages that show one log on one host; each has an index of its own

# events: in the order of the log. labels: ids in `names`, comma-separated, by which its facets are found again. facets: each event
# once under EVERY, and under its stream, lane, outcome and labels: whatever is asked for is a range of them. confidence: the
# largest of its objects, or of those with that label. names: of what facets stand for. complete: an event, once there is one, to
# which the index had all that the log has.
TABLES = """
CREATE TABLE names(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(kind, name)) STRICT;
CREATE TABLE events(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    captured_us INTEGER NOT NULL,
    appended_us INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    labels TEXT NOT NULL,
    json BLOB NOT NULL
) STRICT;
CREATE TABLE facets(
    name INTEGER NOT NULL,
    captured_us INTEGER NOT NULL,
    event INTEGER NOT NULL,
    confidence REAL NOT NULL,
    PRIMARY KEY(name, captured_us, event)
) STRICT, WITHOUT ROWID;
CREATE TABLE complete(appended_us INTEGER NOT NULL, event_id TEXT NOT NULL) STRICT;
"""


class IndexFile:
    """One file, used by this process alone until it is closed. Its rows can be read from the log again, so a damaged one is made
    anew."""

    def __init__(self, url: str) -> None:
        """Take the first index of this log that no other process uses. Raises ConfigError when there is no room for another one,
        LogError when the disk does not take it."""
        check_sqlite(apsw.sqlite_lib_version())
        self.directory = cache_dir("ui") / hashlib.blake2b(url.encode(errors="replace"), digest_size=12).hexdigest()
        with translated(self.directory):
            self.directory.mkdir(mode=0o700, exist_ok=True)
            self._lock, self.path = self._taken()
        try:
            self._prepare()
        except BaseException:
            self._lock.release()
            raise

    def _taken(self) -> tuple[FileLock, Path]:
        for number in range(MAX_AT_ONCE):
            lock = FileLock.try_acquire(self.directory / f"{number}.lock")
            if lock is not None:
                return lock, self.directory / f"{number}.db"
        raise ConfigError(f"{MAX_AT_ONCE} pages show this log on this host already: use one of them, or end one")

    def _prepare(self) -> None:
        """Make the tables, unless they are there. An index that is damaged or of another version is not kept."""
        try:
            if self._is_ours():
                return
        except (LogCorruptError, NotALogError):
            pass
        self.make_anew()

    def make_anew(self) -> None:
        """Put an empty index in place of this one, which nobody may have open."""
        with translated(self.path):
            for end in ("", "-wal", "-shm"):
                Path(f"{self.path}{end}").unlink(missing_ok=True)
            db = apsw.Connection(str(self.path))
            try:
                rows(db, "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL")
                rows(db, f"BEGIN;{TABLES};PRAGMA user_version={VERSION};COMMIT")
            finally:
                db.close()

    def _is_ours(self) -> bool:
        if not self.path.exists():
            return False
        db = self.connect()
        try:
            with translated(self.path):
                return int(value(db, "PRAGMA user_version")) == VERSION
        finally:
            db.close()

    def connect(self) -> apsw.Connection:
        return open_existing(self.path, "OFF")  # what a power loss damages is read from the log again

    def close(self) -> None:
        """Let the next process have the file. Closing twice is harmless."""
        self._lock.release()
