"""Tell where frames are written, how fast that grows, and when the oldest picture is dropped."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from framehop.cli.output import note
from framehop.cli.units import shown_age, shown_size
from framehop.errors import LogError, LogNotFoundError
from framehop.log import LogAt

if TYPE_CHECKING:
    from framehop.log.embedded.disk_usage import Usage

ENOUGH_S = 60.0  # a shorter measurement says nothing about the days to come


class Growth:
    """Prints where a command writes once its first frame is there, and how fast that grew when the command has ended. A log in
    Kafka keeps what its topics keep, so only its place is named."""

    def __init__(self, at: LogAt, clock: Callable[[], float] = time.monotonic) -> None:
        self._at = at
        self._clock = clock
        self._before: int | None = None  # bytes of pictures; None while that is not known
        self._began: tuple[float, Usage | None] | None = None

    def __enter__(self) -> Self:
        try:
            usage = self._look()
            self._before = usage.pictures if usage else None
        except LogNotFoundError:
            self._before = 0
        except LogError:  # the index may be locked for a while; who opens the log to write says so, if that lasts
            self._before = None
        return self

    def update(self, appended: int) -> None:
        """Note how many frames have been added to the log since the command began."""
        if self._began is not None or not appended:
            return
        usage = self._usage()
        self._began = (self._clock(), usage)
        limit = usage.limit if usage else None
        kept = f": pictures are kept until they take {shown_size(limit)}" if limit is not None else ""
        note(f"writing to {self._at.url}{kept}")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = self._usage() if kind is None and self._began is not None else None
        if now is not None and self._before is not None and now.pictures > self._before:
            note(f"{self._at.url} took {shown_size(now.pictures - self._before)} of pictures{self._pace(now)}")

    def _pace(self, now: Usage) -> str:
        """Return how fast the log grew since its first frame, and what follows; empty if that is not known well enough."""
        if self._began is None or (began := self._began[1]) is None or now.limit is None:
            return ""
        seconds, grown = self._clock() - self._began[0], now.pictures - began.pictures
        if seconds < ENOUGH_S or grown <= 0:
            return ""
        left_s = max(0, now.limit - now.pictures) * seconds / grown
        return f" in {shown_age(seconds)}; at this pace the oldest goes in {shown_age(left_s)}"

    def _usage(self) -> Usage | None:
        """Return the use of an embedded log; None for any other log, and when it is unknown."""
        try:
            return self._look()
        except LogError:
            return None

    def _look(self) -> Usage | None:
        """Return the use of an embedded log; None for any other log. Raises LogError."""
        if self._at.is_kafka:
            return None
        with self._at.open(create=False) as log:
            from framehop.log import EmbeddedLog  # loads SQLite, as opening has

            return log.usage() if isinstance(log, EmbeddedLog) else None
