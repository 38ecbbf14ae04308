"""The role of a member of a group that reads a log's frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from framehop.types import Event, FrameRecord, Partition

PartitionsCallback = Callable[[frozenset[Partition]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """One period in which one member owns a partition. `number`: above 0, and larger in every later tenure that the same consumer
    has of the partition. `offset`: where reading begins. `metadata`: what the group's last commit left."""

    number: int
    offset: int
    metadata: str = ""


TenuresCallback = Callable[[Mapping[Partition, Tenure]], None]
BeginAt = Callable[[Partition, Tenure], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """The result of a commit. `lost`: partitions that this member no longer owns; nothing was written for them. `duplicates`:
    events that were not written again because the log had their ids already. `offsets`: by event id, the place in the log of each
    event that was written now; absent where the log did not tell."""

    lost: frozenset[Partition] = frozenset()
    duplicates: int = 0
    offsets: Mapping[str, int] = field(default_factory=dict)


class FrameConsumer(Protocol):
    """A member of a consumer group. `poll` is called from one thread, `commit` from any."""

    @property
    def assignment(self) -> frozenset[Partition]: ...

    @property
    def frames_read(self) -> int:
        """The number of frames that `poll` has handed out since the consumer was opened."""

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        """Return up to `max_frames` frames of the owned partitions, in offset order per partition, waiting at most `timeout_s` for
        the first. Calls the assign and revoke callbacks. With `max_frames` 0 it only keeps the membership alive."""

    def commit(
        self,
        events: Sequence[Event],
        marks: Mapping[Partition, int],
        metadata: Mapping[Partition, str] | None = None,
        tenures: Mapping[Partition, int] | None = None,
    ) -> CommitResult:
        """Write `events` and move the group's offset of each partition in `marks` to the given offset (the next one to read), in
        one transaction. `tenures`: by partition, the tenure under which its frames were read; if that tenure has ended, the
        partition is `lost`, even if it is owned again. Without `tenures` the present ones apply, which suits a member that drops a
        partition's polled frames when `on_assign` names it. Raises LogFullError, LogBusyError: nothing was written, try again
        later."""

    def positions(self) -> dict[Partition, int]:
        """Return the committed offset of each owned partition."""

    def wake(self) -> None:
        """Make a waiting `poll` return. Callable from any thread."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
