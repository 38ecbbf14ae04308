"""A log to write to that has a spool before it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from framehop.handles import Handles
from framehop.log.spool.behind import LogBehind
from framehop.log.spool.options import SpoolOptions
from framehop.log.spool.writer import SpoolingWriter


class SpooledLog:
    """Makes writers with a spool. Thread-safe. It opens nothing by itself, so the log behind it may be away. `close` also closes
    the writers made from it."""

    def __init__(self, behind: LogBehind, root: Path, options: SpoolOptions, *, queue_bytes: int) -> None:
        self._behind, self._root, self._options, self._queue_bytes = behind, root, options, queue_bytes
        self._handles = Handles(behind.url)

    @property
    def url(self) -> str:
        return self._behind.url

    def writer(self) -> SpoolingWriter:
        self._handles.check_open()
        return self._handles.keep(
            SpoolingWriter(self._behind, self._root, self._options, queue_bytes=self._queue_bytes)
        )

    def close(self) -> None:
        self._handles.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
