"""Where frames are written, how fast that grows, and when the oldest picture goes."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from framehop.cli.output import note
from framehop.cli.units import shown_age, shown_size
from framehop.log import EmbeddedLog, LogAt
from framehop.log.room import Usage

ENOUGH_S = 1.0  # what is measured over less says nothing of the pace


class Growth:
    """Says so when a command begins to write, and when it has ended. Of a log in Kafka, whose topics keep what they keep, only
    where it is."""

    def __init__(self, at: LogAt) -> None:
        self._at = at
        self._began_s = time.monotonic()
        self._before = Usage(pictures=0, limit=None)

    def __enter__(self) -> Self:
        with self._at.open() as log:
            if isinstance(log, EmbeddedLog):
                self._before = log.usage()
        limit = self._before.limit
        kept = f": pictures are kept until they take {shown_size(limit)}" if limit is not None else ""
        note(f"writing to {log.url}{kept}")
        self._began_s = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._say_pace(time.monotonic() - self._began_s)

    def _say_pace(self, seconds: float) -> None:
        with self._at.open() as log:
            now = log.usage() if isinstance(log, EmbeddedLog) else self._before
        grown = now.pictures - self._before.pictures
        if grown <= 0 or seconds < ENOUGH_S:
            return
        text = f"{log.url} took {shown_size(grown)} of pictures in {shown_age(seconds)}"
        if now.limit is not None:
            left_s = max(0, now.limit - now.pictures) * seconds / grown
            text += f"; at this pace the oldest goes in {shown_age(left_s)}"
        note(text)
