"""A log on a disk that cannot be written: a copy of its index, and its pictures where they lie.

SQLite cannot read an index whose newest commits are in its write-ahead log without making a file beside it. So the index is copied
with it, into a directory of our own, where everything that reads a log works as ever.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
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
    """Whether there is a log that can be read here and not written."""
    index = LogPaths(root).index
    if not (index.is_file() and os.access(index, os.R_OK)):
        return False
    mounted = os.statvfs(root).f_flag & os.ST_RDONLY
    return bool(mounted) or not os.access(root, os.W_OK) or not os.access(index, os.W_OK)


class ReadOnlyLog:
    """The copy, which goes with `close`. What is written to the log meanwhile is not seen."""

    def __init__(self, root: Path) -> None:
        """Raises LogError, with what is needed, when there is no room for the index."""
        with translated(root):
            files = [root / name for name in _INDEX if (root / name).exists()]
            size = sum(file.stat().st_size for file in files)
            self.root = Path(tempfile.mkdtemp(prefix="framehop-log-"))
            try:
                _check_room(self.root, size)
                _copy_at_rest(files, self.root)
                (self.root / "frames").symlink_to(root / "frames")
                (self.root / "locks").mkdir()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Twice is harmless."""
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _copy_at_rest(files: Sequence[Path], to: Path) -> None:
    """Whoever may write the log must not do so meanwhile, or index and write-ahead log do not fit each other."""
    for _ in range(TRIES):
        before = [_state(file) for file in files]
        for file in files:
            shutil.copyfile(file, to / file.name)
        if [_state(file) for file in files] == before:
            return
    raise LogBusyError(
        f"{files[0].parent} cannot be written here, and somebody else writes to it: read it where it is written, or once that is "
        "over"
    )


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _check_room(directory: Path, size: int) -> None:
    if free_bytes(directory) < size + RESERVE_BYTES:
        raise LogError(
            f"the log cannot be written here, and {directory.parent} has no room for a copy of its index ({size >> 20} MiB): "
            "set TMPDIR to a directory that has"
        )
