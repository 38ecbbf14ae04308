"""Read a log on a disk that cannot be written, through a copy of its index; the pictures stay where they are.

SQLite cannot read an index whose newest commits are in its write-ahead log without making a file beside it. So both are copied into
a temporary directory, where everything that reads a log works as usual.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from framehop.errors import LogBusyError, LogError
from framehop.log.embedded.layout import LogPaths
from framehop.log.sqlite import free_bytes, translated

_INDEX = ("index.db", "index.db-wal")
RESERVE_BYTES = 64 << 20
TRIES = 5


def is_read_only(root: Path) -> bool:
    """Return whether `root` has a log that can be read and not written."""
    index = LogPaths(root).index
    if not (index.is_file() and os.access(index, os.R_OK)):
        return False
    mounted = os.statvfs(root).f_flag & os.ST_RDONLY
    return bool(mounted) or not os.access(root, os.W_OK) or not os.access(index, os.W_OK)


class ReadOnlyLog:
    """A copy of the index, removed by `close`. It does not show what is written to the log later."""

    def __init__(self, root: Path) -> None:
        """Copy the index. Raises LogError, with the room needed, when there is too little."""
        with translated(root):
            size = sum(size for size, _ in _states(root).values())
            self.root = Path(tempfile.mkdtemp(prefix="framehop-log-"))
            try:
                _check_room(self.root, size)
                _copy_at_rest(root, self.root)
                (self.root / "frames").symlink_to(root / "frames")
                (self.root / "locks").mkdir()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Remove the copy. It may be closed twice."""
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _copy_at_rest(root: Path, to: Path) -> None:
    """Copy the files until none of them changed meanwhile; otherwise the index and its write-ahead log would not match."""
    for _ in range(TRIES):
        before = _states(root)
        with suppress(FileNotFoundError):  # the write-ahead log goes with the last process that has the log open
            for name in before:
                shutil.copyfile(root / name, to / name)
            if before.keys() >= {_INDEX[0]} and _states(root) == before:
                return
        for name in _INDEX:
            (to / name).unlink(missing_ok=True)
    raise LogBusyError(
        f"{root} cannot be written here, and somebody else writes to it: read it where it is written, or once that is over"
    )


def _states(root: Path) -> dict[str, tuple[int, int]]:
    """Return the size and the time of the last change of each file that is there."""
    found: dict[str, tuple[int, int]] = {}
    for name in _INDEX:
        with suppress(FileNotFoundError):
            state = (root / name).stat()
            found[name] = state.st_size, state.st_mtime_ns
    return found


def _check_room(directory: Path, size: int) -> None:
    if free_bytes(directory) < size + RESERVE_BYTES:
        raise LogError(
            f"the log cannot be written here, and {directory.parent} has no room for a copy of its index ({size >> 20} MiB): "
            "set TMPDIR to a directory that has"
        )
