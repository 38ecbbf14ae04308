"""The interface of the log behind a spool, and of this host's memory of its streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from framehop.account import IngestAccount
from framehop.errors import FramehopError
from framehop.protocols import Ack, FrameWriter
from framehop.types import Frame, Gap, Partition, Place

Told = Callable[[Ack | FramehopError], None]


class Book(Protocol):
    """This host's memory of its live streams. It needs no broker. Thread-safe."""

    def begin(self, stream: str, source: str) -> int:
        """Become the stream's one writer on this host, and return a new epoch. Raises StreamBusyError, LogError."""

    def next(self, stream: str) -> int:
        """Return the next epoch of a stream that was begun and not ended. Raises LogError."""

    def end(self, stream: str) -> None:
        """Give the stream up."""

    def keep_account(self, account: IngestAccount) -> None:
        """Keep an account; see FrameWriter. Raises LogError."""

    def close(self) -> None: ...


class Link(Protocol):
    """The way of live frames into the log, for any epoch of any stream. Thread-safe. Its queue is bounded in bytes."""

    def place(self, stream: str, labels: Mapping[str, str]) -> Place:
        """Return where a new epoch of `stream` belongs. `labels`: as for FrameWriter.open_stream. Asks the log: raises
        LogUnavailableError, LogNotFoundError."""

    def last_seq(self, stream: str, epoch: int, place: Place) -> int:
        """Return the last seq of the epoch that the log holds from the place's offset on; -1 for none. Reads the log: raises
        LogUnavailableError."""

    def send(self, frame: Frame, to: Partition, told: Told, timeout_s: float) -> bool:
        """Queue `frame`; False if there was no room within `timeout_s`. `told` is called from the link's thread, in order per
        partition, with the acknowledgement, or with the error that ended this stream. Raises LogError when the link has failed for
        good."""

    def check(self) -> None:
        """Raise the LogError with which the link has failed for good, if it has."""

    def report(self, gap: Gap) -> None:
        """Write a gap record, and return once it is durable. Raises LogUnavailableError, LogAccessError."""

    @property
    def stalled(self) -> str:
        """The reason why nothing is acknowledged at the moment; else empty."""

    def close(self) -> None:
        """Give up on everything that is not acknowledged."""


class OpenLog(Protocol):
    """The log, once it has answered."""

    def link(self) -> Link: ...
    def writer(self) -> FrameWriter: ...
    def close(self) -> None: ...


class LogBehind(Protocol):
    """The log that the spool stands before."""

    @property
    def url(self) -> str: ...
    @property
    def patience_s(self) -> float:
        """The time that a source which can wait waits for the log at the start."""

    def book(self) -> Book: ...
    def open(self) -> OpenLog:
        """Open the log, waiting for a second or two. Raises LogUnavailableError; any other error is for good."""
