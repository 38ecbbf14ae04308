"""Tell where frames are written, how fast that grows, and when the oldest picture is dropped."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from framehop.cli.output import note
from framehop.cli.units import shown_age, shown_size
from framehop.errors import LogError
from framehop.log import LogAt

if TYPE_CHECKING:
    from framehop.log.embedded.disk_usage import Usage

ENOUGH_S = 1.0  # a shorter measurement says nothing about the pace


class Growth:
    """Prints where a command writes once its first frame is there, and how fast that grew when the command has ended. A log in
    Kafka keeps what its topics keep, so only its place is named."""

    def __init__(self, at: LogAt) -> None:
        self._at = at
        self._began_s = 0.0
        self._before: Usage | None = None
        self._said = False

    def __enter__(self) -> Self:
        return self

    def update(self, appended: int) -> None:
        """Note how many frames have been added to the log since the command began."""
        if self._said or not appended:
            return
        self._said = True
        self._began_s = time.monotonic()
        self._before = self._usage()
        limit = self._before.limit if self._before else None
        kept = f": pictures are kept until they take {shown_size(limit)}" if limit is not None else ""
        note(f"writing to {self._at.url}{kept}")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._before is not None:
            self._say_pace(self._before, time.monotonic() - self._began_s)

    def _say_pace(self, before: Usage, seconds: float) -> None:
        now = self._usage()
        grown = now.pictures - before.pictures if now else 0
        if now is None or grown <= 0 or seconds < ENOUGH_S:
            return
        text = f"{self._at.url} took {shown_size(grown)} of pictures in {shown_age(seconds)}"
        if now.limit is not None:
            left_s = max(0, now.limit - now.pictures) * seconds / grown
            text += f"; at this pace the oldest goes in {shown_age(left_s)}"
        note(text)

    def _usage(self) -> Usage | None:
        """Return the use of an embedded log; None for any other log, and when it is unknown."""
        if self._at.is_kafka:
            return None
        try:
            with self._at.open(create=False) as log:
                from framehop.log import EmbeddedLog  # loads SQLite, as opening has

                return log.usage() if isinstance(log, EmbeddedLog) else None
        except LogError:
            return None
