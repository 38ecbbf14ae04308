"""The directory of a log: its paths, how it is made, and when it is refused."""

from __future__ import annotations

import fcntl
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from framehop.errors import LogBusyError, LogCorruptError, LogError, LogNotFoundError, LogVersionError, NotALogError
from framehop.log.embedded.schema import APPLICATION_ID, EVENT_ACCOUNT, FRAME_ERROR, READERS, TABLES, VERSION
from framehop.log.embedded.segments import sync_directory
from framehop.log.source_rows import SOURCE_TABLES
from framehop.log.sqlite import check_sqlite, connect, has_table, row, rows, transaction, translated, value
from framehop.timing import Deadline

_OWN = frozenset(
    {"index.db", "index.db-wal", "index.db-shm", "index.db-journal", "frames", "bell", "locks", "lost+found"}
)
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse.", "ceph", "lustre", "gluster", "afs", "beegfs", "gpfs", "ocfs", "gfs")
_LOCAL_FUSE = ("fuse.fuse-overlayfs", "fuse.ntfs-3g")
OPEN_S = 30.0  # who opens the log may itself wait for 10 s, for the index
_OPEN_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class LogPaths:
    """The paths of a log's parts."""

    root: Path

    @property
    def index(self) -> Path:
        return self.root / "index.db"

    @property
    def frames(self) -> Path:
        return self.root / "frames"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def bell(self) -> Path:
        return self.root / "bell"

    @property
    def flusher_lock(self) -> Path:
        return self.locks / "flusher"

    def segment(self, number: int) -> Path:
        return self.frames / f"{number}.seg"

    def stream_lock(self, stream: str) -> Path:
        return self.locks / f"s.{stream}"

    def writer_lock(self, writer: str) -> Path:
        return self.locks / f"w.{writer}"

    def member_lock(self, instance: str) -> Path:
        return self.locks / f"m.{instance}"

    def partition_lock(self, group: str, partition: int, generation: int) -> Path:
        return self.locks / f"p{partition}.{group}.g{generation}"


def find_or_create(paths: LogPaths, *, create: bool, partitions: int) -> int:
    """Make the log if it is missing and may be made; return its number of partitions.

    Raises LogNotFoundError, NotALogError, LogVersionError, LogBusyError, LogError (a network file system).
    """
    check_sqlite(apsw.sqlite_lib_version())
    with translated(paths.root):
        _check_directory(paths.root, create=create)
        refuse_remote(paths.root, Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
        with _creation_lock(paths.root):
            if not _has_index(paths):
                _refuse_foreign(paths.root)
                if not create:
                    raise not_found(paths.root)
                _create(paths, partitions)
    return _check_version(paths)


def _check_directory(root: Path, *, create: bool) -> None:
    """Check or make the directory by `mkdir` itself: an earlier look is out of date when several processes make one log at once."""
    if create:
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            raise _not_a_directory(root) from None
    elif not root.is_dir():
        raise _not_a_directory(root) if os.path.lexists(root) else not_found(root)


def _not_a_directory(root: Path) -> NotALogError:
    return NotALogError(f"{root} is a file, not the directory of a log: choose another --log")


def not_found(root: Path) -> LogNotFoundError:
    """Return the error for a missing log, which tells how to make one."""
    return LogNotFoundError(f"no log at {root}: `framehop ingest SOURCE --log {shlex.quote(str(root))}` makes one")


@contextmanager
def _creation_lock(root: Path) -> Iterator[None]:
    """Let one process at a time look for the log, and make it. Raises LogBusyError after OPEN_S."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock_within(fd, root, Deadline.after(OPEN_S))
        try:
            yield
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)  # closing alone would leave it to a child that was forked meanwhile
    finally:
        os.close(fd)


def _lock_within(fd: int, root: Path, deadline: Deadline) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if deadline.expired:
                raise LogBusyError(
                    f"{root} has been locked for {OPEN_S:.0f} s by another process that opens this log: end it if it is stopped "
                    "(state T in ps)"
                ) from None
            time.sleep(_OPEN_PAUSE_S)
        else:
            return


def _has_index(paths: LogPaths) -> bool:
    """Return whether there is a complete index; False if its maker died before its first commit."""
    if not paths.index.exists():
        return False
    # Only SQLite may open the file: closing it by hand would drop the locks of this process's other connections.
    db = connect(paths.index)
    try:
        found = value(db, "PRAGMA application_id")
        empty = value(db, "SELECT count(*) FROM sqlite_master") == 0
    finally:
        db.close()
    if found == APPLICATION_ID:
        return True
    if not empty:
        raise _foreign(paths.root, "index.db is another program's")
    return False


def _refuse_foreign(root: Path) -> None:
    others = sorted(entry.name for entry in root.iterdir() if entry.name not in _OWN)
    if others:
        raise _foreign(root, f"it holds {', '.join(others[:3])}{' …' if others[3:] else ''}")
    if next(root.glob("frames/*.seg"), None):
        raise LogCorruptError(
            f"{root} has frames but no index.db: restore it, or move the directory away and start anew"
        )


def _foreign(root: Path, why: str) -> NotALogError:
    return NotALogError(f"{root} is not a log of framehop ({why}): choose an empty or a new directory")


def _create(paths: LogPaths, partitions: int) -> None:
    paths.frames.mkdir(mode=0o700, exist_ok=True)
    paths.locks.mkdir(mode=0o700, exist_ok=True)
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    db = apsw.Connection(str(paths.index), flags=flags)
    try:
        rows(db, "PRAGMA journal_mode=WAL")
        with transaction(db, paths.index):
            rows(db, TABLES)
            rows(db, EVENT_ACCOUNT)
            rows(db, f"PRAGMA application_id={APPLICATION_ID}")
            rows(db, f"PRAGMA user_version={VERSION}")
            for partition in range(partitions):
                rows(db, "INSERT INTO partitions(partition) VALUES(?)", (partition,))
    finally:
        db.close()
    sync_directory(paths.root)


def _check_version(paths: LogPaths) -> int:
    db = connect(paths.index)
    try:
        with translated(paths.index):
            version = value(db, "PRAGMA user_version")
            if version > VERSION:
                raise LogVersionError(
                    f"{paths.root} was written by a newer framehop (log version {version}, this one knows {VERSION}): "
                    "upgrade framehop"
                )
            _add_what_came_later(db, paths)
            found = row(db, "SELECT count(*) FROM partitions")
    finally:
        db.close()
    return int(found[0]) if found else 0


def _add_what_came_later(db: apsw.Connection, paths: LogPaths) -> None:
    """Add the tables and columns that an older log lacks, empty. The older framehop can still use the log."""
    rows(db, READERS)
    rows(db, SOURCE_TABLES)
    if _is_complete(db):
        return
    with transaction(db, paths.index):  # several processes may open the log at once, and only one adds
        if not _has_column(db, "frames", "error"):
            rows(db, FRAME_ERROR)
        if not has_table(db, "event_account"):
            rows(db, EVENT_ACCOUNT)


def _is_complete(db: apsw.Connection) -> bool:
    return _has_column(db, "frames", "error") and has_table(db, "event_account")


def _has_column(db: apsw.Connection, table: str, column: str) -> bool:
    return column in {found[1] for found in rows(db, f"PRAGMA table_info({table})")}


def refuse_remote(root: Path, mountinfo: str) -> None:
    """Raise LogError when `root` lies on a network file system: neither SQLite's shared memory nor the locks work there."""
    kind = _file_system(root.resolve(), mountinfo)
    if kind.startswith(_REMOTE) and kind not in _LOCAL_FUSE:
        raise LogError(f"{root} is on a network file system ({kind}): put the log on a local disk, or use Kafka")


def _file_system(path: Path, mountinfo: str) -> str:
    """Return the type of the file system that `path` is on: that of the longest mount point above it, and the last one mounted
    there."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        point = Path(fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split(" ")[0]
    return kind
