"""The directories of a spool: one for each process that writes, and those that dead processes have left."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from framehop.errors import LogError
from framehop.log.locks import FileLock
from framehop.log.sqlite import translated

logger = logging.getLogger(__name__)

MAX_SLOTS = 4096
_NUMBER = re.compile(r"0|[1-9][0-9]{0,3}")  # other names are not ours


class Slot:
    """One directory, which is this process's own as long as it holds the lock beside it."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock

    def release(self) -> None:
        """Leave the directory, with what is in it, to the next process."""
        self._lock.release()

    def set_aside(self) -> None:
        """Rename the directory, so that no process takes it over; somebody may want to look at it."""
        for number in range(MAX_SLOTS):
            aside = self.path.with_name(f"lost-{number}")
            if not aside.exists():
                with suppress(OSError):  # the disk may be gone altogether
                    self.path.rename(aside)
                break
        self.release()

    def discard(self) -> None:
        """Remove the directory. Nothing may have it open."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()


class Slots:
    """The slots below one directory. Use from one thread at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._refused: set[int] = set()
        with translated(root):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self, besides: Collection[Path] = ()) -> Slot:
        """Return the first slot that is free, with what an earlier process may have left in it. `besides`: the paths of slots that
        are left alone. Raises LogError."""
        for number in range(MAX_SLOTS):
            if self._path(number) not in besides and (slot := self._try(number)) is not None:
                return slot
        raise LogError(f"{self._root}: {MAX_SLOTS} processes have a spool here already")

    def take_orphans(self, besides: Collection[Path] = ()) -> Iterator[Slot]:
        """Yield the slots of processes that are gone, as far as they hold something. `besides`: as in `take`."""
        with translated(self._root):
            numbers = sorted(int(path.name) for path in self._root.iterdir() if _NUMBER.fullmatch(path.name))
        for number in numbers:
            if self._path(number) not in besides and (slot := self._try_orphan(number)) is not None:
                yield slot

    def _try_orphan(self, number: int) -> Slot | None:
        """Lock a slot. One that cannot be locked, such as another user's, is logged once and passed over."""
        try:
            return self._try(number)
        except LogError as error:
            if number not in self._refused:
                self._refused.add(number)
                logger.warning("what a process left in the spool stays there for now: %s", error)
            return None

    def _path(self, number: int) -> Path:
        return self._root / str(number)

    def _try(self, number: int) -> Slot | None:
        with translated(self._root):
            lock = FileLock.try_acquire(self._root / f"{number}.lock")
        return None if lock is None else Slot(self._path(number), lock)
