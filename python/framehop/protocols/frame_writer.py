"""The role of whoever puts frames into a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, Self, runtime_checkable

from framehop.account import IngestAccount
from framehop.types import Frame, FramePointer, StreamState

NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """A frame is in the log, at `pointer`. `duplicate`: it was there before, under the same key. `spooled`: it is on the disk of
    this host, at `pointer` of the spool, from where it goes into the log by itself."""

    pointer: FramePointer
    duplicate: bool = False
    spooled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Frames that are on the disk of this host and not yet in the log, and their bytes."""

    frames: int = 0
    bytes: int = 0


NO_BACKLOG = Backlog()


class FrameWriter(Protocol):
    """A writer that appends frames. Thread-safe; its queue is bounded in bytes."""

    def open_stream(
        self,
        stream: str,
        *,
        source: str,
        finite: bool,
        run_since_us: int | None = None,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> StreamState:
        """Become the one writer of `stream`. A finite source whose last pass was interrupted continues its epoch after the last
        acknowledged frame; anything else starts a new epoch. `source`: the source's name with its version; see `account.versioned`.
        `run_since_us`: when the run that this writer belongs to began; a source finished since then gives `done`, so that a restart
        in the middle of a run repeats nothing. `labels`: the stream's own, in a log with topics for them; they hold before those of
        the log's options. Raises StreamBusyError."""

    def append(self, frame: Frame, on_ack: Callable[[Ack], None] | None = None, timeout_s: float | None = None) -> bool:
        """Queue `frame`. Blocks while the queue is full, up to `timeout_s`; returns False if the frame was not taken by then.
        `on_ack` is called from the writer's thread once the frame is durable, in order per stream. Raises LogError when the writer
        failed for good."""

    def taken(self, stream: str) -> frozenset[str]:
        """Return the `origin` of every frame that the epoch had in the log when it was opened, including frames that retention has
        removed since. The source need not give these pictures again."""

    def keep_account(self, account: IngestAccount) -> None:
        """Keep `account`, replacing the earlier one for this epoch, once everything appended before is in the log. The stream must
        be open here. Asynchronous, ordered with `append`. The newest 50 epochs of a stream are kept."""

    def finish_pass(self, stream: str) -> None:
        """Note that the finite source ends after what has been appended, so that the next `open_stream` starts anew. Asynchronous,
        ordered with `append`."""

    def next_pass(self, stream: str) -> StreamState:
        """Start the next pass over a finite source: a new epoch, with `pass_index` one higher. Or the next epoch of a live one,
        such as after a reconnect. Ordered with `append`. Raises LogUnavailableError; ask again later."""

    def close_stream(self, stream: str, timeout_s: float) -> bool:
        """Give `stream` up, so that any writer may open it again. Waits until everything appended to it is acknowledged and
        `finish_pass` has taken effect; returns False when the time is up, and the stream then stays ours. Nothing may be appended
        to it meanwhile. A stream that has failed is given up at once and its failure raised; for a stream that is not open here the
        result is True. Raises LogError when the writer failed for good."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until the queue is empty: every frame is acknowledged, or its stream has failed (`append` then raises the reason).
        Returns False when the time is up."""

    @property
    def stalled(self) -> str:
        """The reason why the log takes nothing at the moment, such as a full disk; else empty."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


@runtime_checkable
class Spools(Protocol):
    """A writer that keeps frames on this host's disk while the log is away."""

    @property
    def backlog(self) -> Backlog: ...
