"""The names of a host's workers, by which the broker knows them again."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from framehop.errors import LogError
from framehop.log.locks import FileLock

MAX_SLOTS = 4096


class MemberSlots:
    """The slots of this host that a process holds for its workers, each by the lock of a file. Use from one thread at a time."""

    def __init__(self) -> None:
        self._held: list[FileLock] = []

    def take(self, directory: Path, group: str, count: int) -> list[str]:
        """Return names made of host and slot, of the lowest slots that are free. Raises LogError when there are none."""
        host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:64]
        names: list[str] = []
        for slot in range(MAX_SLOTS):
            lock = FileLock.try_acquire(directory / f"slot.{group}.{slot}.lock")
            if lock is not None:
                self._held.append(lock)
                names.append(f"{host}-{slot}")
            if len(names) == count:
                return names
        raise LogError(f"{MAX_SLOTS} workers of group {group} run on this host already")

    def release(self) -> None:
        for lock in self._held:
            lock.release()
