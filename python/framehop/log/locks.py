"""File locks. The holder of one is alive, because the kernel drops the lock with the process.

Descriptors close on exec, and in children made by os.fork, which would otherwise keep the lock of a dead parent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Self

from framehop.errors import LogBusyError
from framehop.forks import abandon_in_children
from framehop.timing import Deadline

UNIQUE_S = 5.0
_SWEEPER_S = 0.001


class FileLock:
    """An exclusive flock, held until `release`. It may be released twice."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd
        abandon_in_children(self)

    @classmethod
    def try_acquire(cls, path: Path) -> Self | None:
        """Lock `path`, creating the file, and write this process's id into it; None while another process holds the lock."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _note_holder(fd)
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd)

    @classmethod
    def acquire_unique(cls, path: Path) -> Self:
        """Lock a name that only the caller uses. Retries while a sweeper looks at the file before it is locked. Raises LogBusyError
        when a sweeper does so for UNIQUE_S."""
        deadline = Deadline.after(UNIQUE_S)
        while True:
            lock = cls.try_acquire(path)
            if lock is not None and os.fstat(lock._fd).st_nlink > 0:
                return lock
            if lock is not None:
                lock.release()
            if deadline.expired:
                raise LogBusyError(
                    f"{path} has been locked by another process for {UNIQUE_S:.0f} s: end the process of this log that is stopped "
                    "(state T in ps)"
                )
            time.sleep(_SWEEPER_S)

    def release(self, *, unlink: bool = False) -> None:
        """Release the lock. `unlink`: remove the file, for a name that nobody will ever lock again. One that stays, as on a disk
        that has become read-only, is only waste."""
        if self._fd < 0:
            return
        if unlink and self._is_there():
            with contextlib.suppress(OSError):
                self._path.unlink()
        fd, self._fd = self._fd, -1
        os.close(fd)

    def _is_there(self) -> bool:
        """Whether the file at our path is still ours: where a log was removed and made anew it may be another holder's."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except OSError:
            return False

    def abandon(self) -> None:
        """Close a forked child's descriptor; the lock stays the parent's and ends with the parent."""
        self.release()


def _note_holder(fd: int) -> None:
    # The holder's id only improves a message: a full disk must not refuse the lock.
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)


def holder_of(path: Path) -> str:
    """Return the process id written in a lock file, or a question mark."""
    try:
        return path.read_text(encoding="ascii").strip() or "?"
    except (OSError, ValueError):
        return "?"


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock. Use it only for names that are locked once and never again, since the check
    takes a shared lock for an instant."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def remove_if_free(path: Path) -> None:
    """Remove the lock file of a dead holder. The lock is held meanwhile, so that `acquire_unique` notices."""
    lock = FileLock.try_acquire(path)
    if lock is not None:
        lock.release(unlink=True)
