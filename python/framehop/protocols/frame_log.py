"""The roles of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Protocol, Self

from framehop.account import IngestAccount
from framehop.protocols.frame_consumer import BeginAt, FrameConsumer, PartitionsCallback, TenuresCallback
from framehop.protocols.frame_writer import FrameWriter
from framehop.types import (
    DeadLetter,
    EventRecord,
    FrameMeta,
    FramePointer,
    FrameRecord,
    Gap,
    LostPicture,
    Partition,
    PartitionLag,
)

Start = Literal["beginning", "latest"]
Delivery = Literal["at-least-once", "exactly-once"]
OtherCallback = Callable[[FramePointer], None]
ProgressCallback = Callable[[int, int], None]  # done, total
SINCE_MARGIN_US = 60_000_000  # events that a log took so much earlier may be among those that it gives since a time


class EventReader(Protocol):
    """A reader that follows the events of a log. Use it from one thread.

    The position of a reader with a group moves past the events handed out when the caller asks for more, and on `close`. If an
    exception ends the reading, the events handed out last come again. `passed_over`: how many records were left out as they
    cannot be read: a later version wrote them, or another program. There is a warning of the first, the second, the fourth and so
    on.
    """

    passed_over: int

    def poll(self, max_events: int, timeout_s: float) -> list[EventRecord]: ...
    def __iter__(self) -> Iterator[EventRecord]:
        """Iterate over all events from here to the present end of the log."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class WritableLog(Protocol):
    """Takes frames. Thread-safe."""

    def writer(self) -> FrameWriter: ...


class ConsumableLog(Protocol):
    """Hands frames to the members of groups. Thread-safe."""

    def consumer(
        self,
        group: str,
        *,
        member: str,
        start: Start = "beginning",
        begin_at: BeginAt | None = None,
        on_assign: TenuresCallback | None = None,
        on_revoke: PartitionsCallback | None = None,
    ) -> FrameConsumer:
        """Join `group` as `member`.

        `begin_at`: returns the offset at which reading begins in a tenure, its own or an earlier one. Frames before the tenure's
        offset count as done; those that retention has removed are no gap. It may be called from any thread, and may use
        `look_back`. `poll` calls the other callbacks. `on_assign`: a tenure begins; whatever is in flight of the partition belongs
        to an older one. `on_revoke`: a partition is about to go to another member; finish or drop what is in flight, commit,
        return."""

    def members(self, group: str, count: int) -> list[str]:
        """Return names for `count` workers of this host in `group`. They are nobody else's until the log is closed."""


class EventLog(Protocol):
    """Gives the events, and what has failed. Thread-safe."""

    def events(self, *, start: Start = "beginning", since_us: int | None = None, group: str = "") -> EventReader:
        """Read events from `start` on, or those that the log took from about `since_us` (microseconds since 1970) on; events from
        up to a minute earlier may be among them.

        `group`: continue where the last reader of this name stopped; `start` and `since_us` then count only for the first reader.
        Groups are independent. Use one reader per group at a time, since two would both get everything. Raises
        InvalidArgumentError.
        """

    def events_of(self, partition: Partition, since: int) -> Iterator[EventRecord]:
        """Iterate over the events of the frames of `partition`, of all lanes, from the events' offset `since` to their present
        end, in the order of the log. Events that retention has removed are absent. Raises LogUnavailableError while a transaction
        hides some that are there already: ask again."""

    def events_end(self, partition: Partition) -> int:
        """Return an offset that no event of a frame of `partition` has yet, though events written later may have it or larger ones;
        see CommitResult.offsets."""

    def dead_letters(self, lane: str | None = None) -> Iterator[DeadLetter]:
        """Iterate over what has failed so far, each id once. With a `lane`, only its failures are given; without, those of all
        lanes and the records that were no frames."""


class FrameArchive(Protocol):
    """Gives the frames that are kept, and the account of those that are not. Thread-safe."""

    def scan_frames(self, on_other: OtherCallback | None = None) -> Iterator[FrameMeta]:
        """Iterate over all frames now in the log, without pictures, by partition and then offset. `on_other` is called with the
        place of each record that is no frame."""

    def look_back(self, partition: Partition, offset: int, within_us: int) -> Iterator[FrameMeta]:
        """Iterate over the frames of `partition` before `offset`, oldest first and without pictures, as far as the log took them at
        most `within_us` before the last of them."""

    def read_frame(self, pointer: FramePointer) -> FrameRecord | None:
        """Read one frame; None when retention has removed it."""

    def gaps(self) -> list[Gap]: ...
    def ingest_accounts(self) -> list[IngestAccount]:
        """Return the ingests' accounts of their sources, by stream and epoch. For Kafka these are the accounts of this user on this
        host, since they are kept only there."""

    def lost_pictures(self, on_progress: ProgressCallback | None = None) -> Iterator[LostPicture]:
        """Read every picture and give each one that differs from what was written. `on_progress`: bytes done, and of how many."""

    def lost_events(self) -> int:
        """Return how many events are missing though retention did not remove them; 0 where the log cannot tell."""

    def known_streams(self) -> dict[str, Partition]:
        """Return the streams that the log remembers, even without frames, and the partition of each; empty for a log that remembers
        none."""


class GroupAdmin(Protocol):
    """Tells how far groups are, and forgets them. Thread-safe."""

    def end_offsets(self) -> dict[Partition, int]:
        """Return the next offset of each partition."""

    def committed(self, group: str) -> dict[Partition, int]:
        """Return the group's offset by partition; partitions without one are absent."""

    def lag(self, group: str) -> list[PartitionLag]:
        """Return how far `group` is behind, by partition."""

    def forget_group(self, group: str) -> None:
        """Delete a group's offsets. Raises LogError while a member of it lives."""


class FrameLog(WritableLog, ConsumableLog, EventLog, FrameArchive, GroupAdmin, Protocol):
    """The durable, ordered, partitioned store of frames and of events, in all its roles. Thread-safe."""

    @property
    def url(self) -> str: ...
    @property
    def partitions(self) -> int:
        """The number of partitions that the frames have, over all topics."""

    @property
    def delivery(self) -> Delivery:
        """The promise to a reader. `exactly-once`: a frame key and an event id come once, and the events of one (stream, epoch) in
        order. `at-least-once`: both may come again, and the first one counts; only the events of one writer are in order."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
