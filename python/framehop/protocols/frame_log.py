"""The roles of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol, Self, runtime_checkable

from framehop.account import IngestAccount
from framehop.types import (
    DeadLetter,
    Event,
    EventRecord,
    Frame,
    FrameMeta,
    FramePointer,
    FrameRecord,
    Gap,
    LostPicture,
    Partition,
    PartitionLag,
    StreamState,
)

NO_LABELS: Mapping[str, str] = MappingProxyType({})

Start = Literal["beginning", "latest"]
Delivery = Literal["at-least-once", "exactly-once"]
PartitionsCallback = Callable[[frozenset[Partition]], None]
OtherCallback = Callable[[FramePointer], None]
ProgressCallback = Callable[[int, int], None]  # done, total
SINCE_MARGIN_US = 60_000_000  # events that a log took so much earlier may be among those that it gives since a time


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """The result of a commit. `lost`: partitions that this member no longer owns; nothing was written for them. `duplicates`:
    events that were not written again because the log had their ids already. `offsets`: by event id, the place in the log of each
    event that was written now; absent where the log did not tell."""

    lost: frozenset[Partition] = frozenset()
    duplicates: int = 0
    offsets: Mapping[str, int] = field(default_factory=dict)


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
