"""Connections to `index.db`, its transactions, and what their errors mean."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import apsw

from framehop.errors import (
    FramehopError,
    LogBusyError,
    LogCorruptError,
    LogError,
    LogFullError,
    NotALogError,
    OutOfMemoryError,
    ProcessError,
    is_out_of_memory,
)

# Older versions can lose committed transactions: https://sqlite.org/wal.html#walresetbug
MIN_SQLITE = (3, 51, 3)
# Transactions take well under a millisecond; a process that holds the lock for longer than this has been stopped.
BUSY_TIMEOUT_MS = 10_000

Synchronous = Literal["OFF", "NORMAL", "FULL"]

_FULL_ERRNO = (errno.ENOSPC, errno.EDQUOT)
_FULL_IOERR = (
    apsw.SQLITE_IOERR_WRITE,
    apsw.SQLITE_IOERR_TRUNCATE,
    apsw.SQLITE_IOERR_SHMSIZE,
)
_NO_MEMORY = (apsw.SQLITE_NOMEM, apsw.SQLITE_IOERR_NOMEM, apsw.SQLITE_IOERR_SHMMAP)
_ADVICE = {
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "raise the limit of file descriptors (ulimit -n), or close some",
}


def check_sqlite(version: str) -> None:
    """Refuse a SQLite that could lose committed data."""
    if tuple(int(part) for part in version.split(".")) < MIN_SQLITE:
        raise LogError(
            f"SQLite {version} can lose committed data (its WAL-reset bug); 3.51.3 or newer is needed: pip install -U apsw"
        )


def connect(path: Path, *, full: bool = False) -> apsw.Connection:
    """Open an existing index; a missing file is an error. `full`: a commit returns only when it would survive power loss.

    No connection checkpoints by itself; the flusher does.
    """
    db = open_existing(path, "FULL" if full else "NORMAL")
    db.wal_autocheckpoint(0)
    return db


class _Connections:
    """The connections of this process, and those that were open when it was forked. The latter stay as they are, and are the
    parent's alone.

    A new connection to one of their files would be no better. SQLite believes to have the locks that its process had, which a fork
    has not: once the parent is gone, others empty the write-ahead log under it, and the file is damaged.
    """

    def __init__(self) -> None:
        self._files: WeakKeyDictionary[apsw.Connection, tuple[int, int]] = WeakKeyDictionary()
        self._inherited: dict[apsw.Connection, tuple[int, int]] = {}

    def note(self, db: apsw.Connection, path: Path) -> None:
        """Note which file `db` has open. It could not be asked in a fork: what another thread did with it then never ends there."""
        self._files[db] = _file_at(path)

    def note_fork(self) -> None:
        """Keep what is open. To be called in a child, right after the fork."""
        self._inherited = {db: self._files[db] for db in apsw.connections() if db in self._files}

    def check(self, path: Path) -> None:
        """Raise ProcessError for a file that was open at the fork."""
        with contextlib.suppress(OSError):
            if _file_at(path) in self._inherited.values():
                raise ProcessError(
                    f"{path} was open when this process was forked: open it after the fork only, or start this process by spawn"
                )


def _file_at(path: Path) -> tuple[int, int]:
    """Return what no other file has while this one is open, wherever it is moved."""
    found = path.stat()
    return found.st_dev, found.st_ino


_connections = _Connections()
os.register_at_fork(after_in_child=_connections.note_fork)


def open_file(path: Path, flags: int) -> apsw.Connection:
    """Open a file of SQLite; `flags`: SQLite's own. Raises ProcessError in a child of a process that had it open at the fork, and
    SQLite's errors."""
    check_sqlite(apsw.sqlite_lib_version())
    _connections.check(path)
    db = apsw.Connection(str(path), flags=flags)
    _connections.note(db, path)
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    return db


def open_existing(path: Path, synchronous: Synchronous) -> apsw.Connection:
    """Open a file of SQLite as all of them are opened; a missing one is an error. It checkpoints by itself. `synchronous`: what its
    commits wait for. Raises ProcessError in a child of a process that had it open at the fork."""
    with translated(path):
        db = open_file(path, apsw.SQLITE_OPEN_READWRITE)
        # Else SQLite plans a query anew whenever another number is bound to its LIMIT, which takes twice as long as the query.
        db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        db.execute(f"PRAGMA synchronous={synchronous}")
    return db


def rows(db: apsw.Connection, sql: str, args: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows at once. A cursor left half-read would hold its snapshot, and the write-ahead log would grow."""
    return db.execute(sql, args).fetchall()


def row(db: apsw.Connection, sql: str, args: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """Return the first row, or None."""
    found = rows(db, sql, args)
    return found[0] if found else None


def value(db: apsw.Connection, sql: str, args: Sequence[Any] = ()) -> Any:
    """Return the first column of the only row."""
    return rows(db, sql, args)[0][0]


def has_table(db: apsw.Connection, name: str) -> bool:
    """Return whether the index has the table `name`. Logs of earlier versions lack some tables until they are opened for
    writing."""
    return bool(rows(db, "SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", (name,)))


@contextlib.contextmanager
def transaction(db: apsw.Connection, path: Path) -> Iterator[None]:
    """Run the block as a short write transaction: all of it or nothing. Compute and do I/O before it, not inside."""
    with translated(path, db):
        rows(db, "BEGIN IMMEDIATE")
        try:
            yield
            rows(db, "COMMIT")
        except BaseException:
            if db.in_transaction:
                with contextlib.suppress(apsw.Error):
                    rows(db, "ROLLBACK")
            raise


@contextlib.contextmanager
def translated(path: Path, db: apsw.Connection | None = None) -> Iterator[None]:
    """Turn SQLite's and the system's errors into framehop's. `db`: the connection that writes in the block, if it does. SQLite has
    one error for a quota that is used up, a limit on the size of files and a broken disk, and only its connection tells which."""
    try:
        yield
    except FramehopError:
        raise
    except apsw.BusyError as error:
        raise LogBusyError(
            f"{path} has been locked by another process for {BUSY_TIMEOUT_MS // 1000} s: "
            "end the process of this log that is stopped (state T in ps)"
        ) from error
    except apsw.NotADBError as error:
        raise NotALogError(f"{path} is not a SQLite file: choose an empty or a new directory for the log") from error
    except apsw.CorruptError as error:
        # SQLite says the same of a page that the disk cannot read.
        raise LogCorruptError(
            f"{path} is damaged, or its disk cannot read it ({error}): look for errors of the disk in dmesg; "
            "if there are none, move the log away and start a new one"
        ) from error
    except apsw.Error as error:
        raise _of_sqlite(error, path, db) from error
    except OSError as error:
        raise _of_system(error, path) from error


def _of_sqlite(error: apsw.Error, path: Path, db: apsw.Connection | None) -> FramehopError:
    if getattr(error, "extendedresult", 0) in _NO_MEMORY:
        return OutOfMemoryError(f"{path}: this process has no memory left")
    if db is not None and isinstance(error, apsw.IOError) and db.system_errno:
        return _of_system(OSError(db.system_errno, os.strerror(db.system_errno)), path)
    if isinstance(error, apsw.CantOpenError) and (why := _why_nothing_opens()) is not None:
        return _of_system(OSError(why, os.strerror(why)), path)
    if is_full(error):
        return full_error(path)
    return LogError(f"{path}: {error}; check the disk and the rights of this directory")


def _why_nothing_opens() -> int | None:
    """Return the error by which this process can open no file at all, as when it has no descriptor left; SQLite does not tell."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))  # never a file of SQLite: closing one drops its locks
    except OSError as error:
        return error.errno
    return None


def _of_system(error: OSError, path: Path) -> FramehopError:
    if is_full(error):
        return full_error(path)
    if is_out_of_memory(error):
        return OutOfMemoryError(f"{error.filename or path}: this process has no memory left")
    advice = _ADVICE.get(error.errno or 0, "check the disk and its rights")
    return LogError(f"{error.filename or path}: {error.strerror}; {advice}")


def is_full(error: BaseException) -> bool:
    """Return whether `error` says that there is no room on the disk."""
    if isinstance(error, apsw.IOError):
        return getattr(error, "extendedresult", 0) in _FULL_IOERR  # set by apsw, unknown to its stubs
    if isinstance(error, apsw.FullError | LogFullError):
        return True
    return isinstance(error, OSError) and error.errno in _FULL_ERRNO


def full_error(path: Path) -> LogFullError:
    """Return the error for a full disk under `path`, with the free space and what to do."""
    directory = path if path.is_dir() else path.parent
    return LogFullError(
        f"no room for the log in {directory}: {free_bytes(directory) / (1 << 20):.1f} MiB free. "
        "Make room on this disk, or lower the log's retention; it goes on by itself"
    )


def free_bytes(directory: Path) -> int:
    """Return how many bytes this user can still write on the file system of `directory`."""
    state = os.statvfs(directory)
    return state.f_bavail * state.f_frsize
