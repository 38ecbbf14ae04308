"""The plug-in points: what a log, a source and a detector must do. Each has a fake in :mod:`framehop.testing`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

from framehop.account import IngestAccount, LeftOut
from framehop.types import (
    DeadLetter,
    Detections,
    Event,
    EventRecord,
    Frame,
    FrameMeta,
    FramePointer,
    FrameRecord,
    Gap,
    LostPicture,
    ModelInfo,
    Partition,
    PartitionLag,
    StreamState,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Start = Literal["beginning", "latest"]
Delivery = Literal["at-least-once", "exactly-once"]
PartitionsCallback = Callable[[frozenset[Partition]], None]
OtherCallback = Callable[[FramePointer], None]
ProgressCallback = Callable[[int, int], None]  # done, of how much


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """One period in which one member owns a partition. `number`: above 0, and larger than that of any tenure which the same
    consumer had of the partition before. `offset`: where reading begins. `metadata`: of the group's last commit."""

    number: int
    offset: int
    metadata: str = ""


TenuresCallback = Callable[[Mapping[Partition, Tenure]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """A frame is in the log: `pointer` says where. `duplicate`: it had been there before, under the same key."""

    pointer: FramePointer
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """`lost`: partitions this member does not own any more; nothing of theirs was written. `duplicates`: events whose id the
    log had already, which were not written again."""

    lost: frozenset[Partition] = frozenset()
    duplicates: int = 0


class FrameWriter(Protocol):
    """Appends frames. Thread-safe; its queue is bounded in bytes."""

    def open_stream(self, stream: str, *, source: str, finite: bool, run_since_us: int | None = None) -> StreamState:
        """Become the one writer of `stream`. A finite source whose last pass was interrupted goes on in its epoch after the last
        acknowledged frame; anything else starts a new epoch. `source`: what it is, with its version; see
        `account.versioned`. `run_since_us`: when the run began that this writer belongs to: a
        source finished since then gives `done`, so that a restart in the middle of a run repeats nothing. Raises
        StreamBusyError."""

    def append(self, frame: Frame, on_ack: Callable[[Ack], None] | None = None, timeout_s: float | None = None) -> bool:
        """Queue `frame`; blocks while the queue is full, up to `timeout_s` (then False, and the frame was not taken). `on_ack`
        is called from the writer's thread once the frame is durable, in order per stream. Raises LogError when the writer
        failed for good."""

    def taken(self, stream: str) -> frozenset[str]:
        """The `origin` of every frame that the epoch had in the log when it was opened, even of those that retention has removed
        since: what a source of such pictures need not give again."""

    def keep_account(self, account: IngestAccount) -> None:
        """Remember it in place of the one before for this epoch of the stream, which is open here, once all is in the log that was
        appended before. Asynchronous, ordered with `append`. The newest 50 epochs of a stream are kept."""

    def finish_pass(self, stream: str) -> None:
        """The finite source came to its end, after all that was appended: the next `open_stream` starts anew. Asynchronous,
        ordered with `append`."""

    def next_pass(self, stream: str) -> StreamState:
        """Start the next pass over a finite source: a new epoch, `pass_index` one more. Ordered with `append`."""

    def close_stream(self, stream: str, timeout_s: float) -> bool:
        """Give `stream` up, so that another writer, or this one again, may open it: once everything appended to it is
        acknowledged, and what `finish_pass` said is done. False when the time is up; the stream is still ours then. Nothing may be
        appended to it meanwhile. A stream that has failed is given up at once, and its failure raised; one that is not open here is
        given up already. Raises LogError when the writer failed for good."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing is queued any more: everything appended is acknowledged, or its stream has failed (`append` says
        of what). False when the time is up."""

    @property
    def stalled(self) -> str:
        """Why the log takes nothing at the moment (disk full), else empty."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class FrameConsumer(Protocol):
    """A member of a consumer group. `poll` from one thread, `commit` from any."""

    @property
    def assignment(self) -> frozenset[Partition]: ...

    @property
    def frames_read(self) -> int:
        """Frames handed out by `poll` since it was opened."""

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        """Up to `max_frames` of the partitions owned, in offset order per partition, waiting at most `timeout_s` for the first.
        Calls the assign and revoke callbacks. With `max_frames` 0 only keeps membership alive."""

    def commit(
        self,
        events: Sequence[Event],
        marks: Mapping[Partition, int],
        metadata: Mapping[Partition, str] | None = None,
        tenures: Mapping[Partition, int] | None = None,
    ) -> CommitResult:
        """Write `events` and move the group's offset of each partition in `marks` to the given offset (the next one to read), in
        one transaction. `tenures`: by partition, the tenure that its frames were read under; one that has ended makes the
        partition `lost`, even if it is owned again. Without it, the present ones: for a member that drops what it has polled of
        a partition when `on_assign` names it. Raises LogFullError, LogBusyError: nothing was written, try again later."""

    def positions(self) -> dict[Partition, int]:
        """Committed offset by owned partition."""

    def wake(self) -> None:
        """Make a waiting `poll` return. From any thread."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class EventReader(Protocol):
    """Follows the events of a log. Use from one thread.

    Of a group: its position moves behind what was handed out when the caller comes back for more, and on `close`. Left by an
    exception, what was handed out last comes again.
    """

    def poll(self, max_events: int, timeout_s: float) -> list[EventRecord]: ...
    def __iter__(self) -> Iterator[EventRecord]:
        """All events from here to the end of the log as it is now."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class FrameLog(Protocol):
    """The durable, ordered, partitioned store of frames and of events. Thread-safe."""

    @property
    def url(self) -> str: ...
    @property
    def partitions(self) -> int:
        """How many the frames have, over all topics."""

    @property
    def delivery(self) -> Delivery:
        """What a reader may count on. `exactly-once`: a frame key and an event id come once, and the events of one (stream, epoch)
        in order. `at-least-once`: both may come again, the first one counts; the order holds among the events of one writer."""

    def writer(self) -> FrameWriter: ...
    def consumer(
        self,
        group: str,
        *,
        member: str,
        start: Start = "beginning",
        on_assign: TenuresCallback | None = None,
        on_revoke: PartitionsCallback | None = None,
    ) -> FrameConsumer:
        """Join `group` as `member`. Both callbacks come from `poll`. `on_assign`: a tenure begins; whatever is in flight of the
        partition is of an older one. `on_revoke`: before a partition is handed to another member: finish or drop what is in
        flight, commit, return."""

    def members(self, group: str, count: int) -> list[str]:
        """Names for `count` workers of this host in `group`, nobody else's until the log is closed."""

    def events(self, *, start: Start = "beginning", since_us: int | None = None, group: str = "") -> EventReader:
        """Events from `start` on, or from about `since_us` (microseconds since 1970) on, by when the log took them: some that came
        up to a minute before are among them.

        `group`: go on where the last reader of this name was; `start` and `since_us` are for its first. Groups do not know each
        other. One reader per group at a time: two would both get everything. Raises InvalidArgumentError."""

    def scan_frames(self, on_other: OtherCallback | None = None) -> Iterator[FrameMeta]:
        """All frames in the log as it is now, without pictures: by partition, then offset. `on_other` is called with the place of
        each record among them that is no frame."""

    def read_frame(self, pointer: FramePointer) -> FrameRecord | None:
        """One frame; None when retention has taken it."""

    def dead_letters(self, lane: str | None = None) -> Iterator[DeadLetter]:
        """What has failed so far, each id once; of one lane, or of all with what was not a frame."""

    def gaps(self) -> list[Gap]: ...
    def ingest_accounts(self) -> list[IngestAccount]:
        """What the ingests that wrote this log made of their sources, by stream and epoch; in Kafka those of this user on this
        host, which alone knows them."""

    def lost_pictures(self, on_progress: ProgressCallback | None = None) -> Iterator[LostPicture]:
        """Read every picture and give those that are not what was written. `on_progress`: bytes done, and of how many."""

    def lost_events(self) -> int:
        """How many events are neither in the log nor taken by retention, where the log can tell; else 0."""

    def known_streams(self) -> dict[str, Partition]:
        """Streams that the log remembers, whether it holds frames of them or not, and where theirs go; none where it remembers
        none."""

    def end_offsets(self) -> dict[Partition, int]:
        """The next offset by partition."""

    def committed(self, group: str) -> dict[Partition, int]:
        """The group's offset by partition; partitions without one are absent."""

    def lag(self, group: str) -> list[PartitionLag]:
        """How far `group` is behind, by partition."""

    def forget_group(self, group: str) -> None:
        """Give up a group's offsets. Raises LogError while a member of it lives."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


NO_PICTURE = "application/octet-stream"  # the content type of a payload that is no picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One encoded picture from a source. `media_us`: its place on the source's own timeline, microseconds from the first.

    `error`: why there are no pixels, as in `unreadable: a.jpg: Permission denied`: a code, a colon, and a reason that names the
    file. Such a picture goes into the log like any other, with the original bytes as its payload where there are some that fit,
    and becomes a `failed` event with this reason. `origin`: see ListedSource.
    """

    payload: bytes
    media_us: int
    width: int = 0
    height: int = 0
    content_type: str = "image/jpeg"
    keyframe: bool = True
    error: str = ""
    origin: str = ""


class Source(Protocol):
    """Something that yields pictures. Opening, reading and closing happen in one thread.

    One bad picture does not end its source: it is yielded with `error` set. What is no picture at all (a text file in a folder,
    a packet that cannot be decoded) is left out, and said by `LeavesOut`, which any source may offer on top. An exception is for
    a source that cannot go on.
    """

    @property
    def uri(self) -> str: ...
    @property
    def stream(self) -> str:
        """Default stream id: the file's stem, made legal."""

    @property
    def rate(self) -> float:
        """Pictures per second at the source's own pace."""

    @property
    def finite(self) -> bool: ...
    @property
    def count(self) -> int | None:
        """Pictures in one pass, None if unknown or endless."""

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """One pass, from picture `start_seq` on; the same seq is the same picture every time. Raises SourceError."""


@runtime_checkable
class ListedSource(Protocol):
    """A source whose pictures are known by what they are and not by their number, such as the files of a folder: it may have lost
    some, and found others, since it was interrupted."""

    def pictures_besides(self, taken: Collection[str], start_seq: int) -> Iterator[Picture]:
        """One pass over every picture whose `origin` is not in `taken`. Each has an origin, which is no other picture's: of a file
        its name, size and time. `start_seq`: the number that the first one gets. Raises SourceError."""


@runtime_checkable
class LeavesOut(Protocol):
    """A source that says what it leaves out. Ingest counts it, keeps it with the stream, and names it on stderr."""

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """What was left out in this pass so far, one entry per reason; from the thread that iterates `pictures`, at any time
        between two of them and after the last. See `framehop.sources.left_out.Tally`."""


@runtime_checkable
class Versioned(Protocol):
    """A finite source that can be replaced under its name."""

    @property
    def version(self) -> str:
        """Another one when it was: an interrupted pass is not gone on with then."""


class Detector(Protocol):
    """Pictures in, boxes out. Use from one thread at a time."""

    @property
    def info(self) -> ModelInfo: ...
    @property
    def labels(self) -> Mapping[int, str]:
        """Names by label id. An id may lack one: show its number."""

    @property
    def max_batch(self) -> int:
        """Pictures run at once; more are split."""

    @property
    def min_width(self) -> int:
        """A decoder that can scale down should not go below `min_width` or `min_height` pixels."""

    @property
    def min_height(self) -> int: ...

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], source_sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Detections]:
        """One result per picture, in order. `pictures`: uint8 [H, W, 3], RGB, borrowed for the call. `source_sizes`:
        (width, height) of each picture before the decoder scaled it; the pictures' own if None. A picture whose outputs
        are unusable gets a result with `error` set, its neighbours are untouched.
        Raises InvalidArgumentError, ModelError, ClosedError."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
