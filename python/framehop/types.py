"""The nouns of the log: frames, events, gaps. They are plain data, without behaviour beyond names and checks."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from framehop.bridges import CocoAnnotation, SupervisionArguments, coco_annotations, supervision_arguments
from framehop.errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CaptureClock = Literal["camera", "ingest"]
Outcome = Literal["detected", "skipped", "failed"]
ResizeMode = Literal["stretch", "letterbox", "letterbox-topleft"]

SCHEMA_VERSION = 1
_STREAM = re.compile(r"[A-Za-z0-9._-]{1,128}")


def check_stream(stream: str) -> str:
    """Return `stream` if it is a legal stream id, else raise InvalidArgumentError saying what is allowed."""
    if not _STREAM.fullmatch(stream):
        raise InvalidArgumentError(
            f"stream id {stream[:140]!r} is not allowed: use 1 to 128 of the characters A-Z a-z 0-9 . _ -"
        )
    return stream


def check_reader_group(name: str) -> str:
    """Return `name` if a group of readers of events may have it, else raise InvalidArgumentError."""
    if not _STREAM.fullmatch(name):
        raise InvalidArgumentError(
            f"group name {name[:140]!r} is not allowed: use 1 to 128 of the characters A-Z a-z 0-9 . _ -"
        )
    if name.startswith("detect-"):
        raise InvalidArgumentError(f"group {name} is detection's own: give the readers of events another name")
    return name


def rfc3339(micros: int) -> str:
    """Format microseconds since 1970 as RFC 3339 in UTC, always with six decimals."""
    return f"{_second(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"


@functools.lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    """Format a second; cached because times come in order, many per second."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def parse_rfc3339(text: str) -> int:
    """Parse an RFC 3339 time to microseconds since 1970. Raises InvalidArgumentError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgumentError(f"not an RFC 3339 time: {text[:64]!r}") from error
    if moment.tzinfo is None:
        raise InvalidArgumentError(f"a time needs its zone, as in 2026-01-31T12:00:00Z: {text[:64]!r}")
    return to_micros(moment)


def to_micros(moment: datetime) -> int:
    """Return a time that has its zone as microseconds since 1970. Raises InvalidArgumentError."""
    if moment.tzinfo is None:
        raise InvalidArgumentError(f"a time needs its zone, as datetime.now(UTC) has it: {moment.isoformat()}")
    try:
        delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError as error:  # a time in the last hours of year 9999 in another zone has no form in UTC
        raise InvalidArgumentError(f"not a time from year 1 to 9999 in UTC: {moment.isoformat()}") from error
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


@dataclass(frozen=True, slots=True, order=True)
class FrameKey:
    """The identity of one frame, from ingest to event. `epoch`: µs since 1970. `seq`: 0, 1, 2 … without a gap."""

    stream: str
    epoch: int
    seq: int

    def event_id(self, lane: str) -> str:
        """Return the id of this frame's event in `lane`. The first event per id wins."""
        return f"{self.stream}/{self.epoch}/{self.seq}/{lane}"

    def __str__(self) -> str:
        return f"{self.stream}/{self.epoch}/{self.seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The pixels that a model needs of a picture: enough to resize it into `width` x `height` pixels by `fit`. A letterbox needs
    only what the picture covers of it. 0 x 0 means all pixels that the picture has."""

    width: int = 0
    height: int = 0
    fit: ResizeMode = "stretch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One encoded picture on its way into the log. Times in µs since 1970; width and height in pixels, 0 if unknown.

    `error`: why there are no pixels; the frame becomes a `failed` event with this reason. `origin`: the picture's name within a
    source that is resumed by names; see `protocols.ListedSource`. Both are UTF-8 text.
    """

    key: FrameKey
    payload: bytes
    captured_us: int
    received_us: int
    clock: CaptureClock = "ingest"
    content_type: str = "image/jpeg"
    keyframe: bool = True
    width: int = 0
    height: int = 0
    traceparent: str = ""
    error: str = ""
    origin: str = ""


class Partition(NamedTuple):
    """One partition of a log's frames. Numbers start at 0 in each topic. A log in a directory has one topic, `frames`."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class Place(NamedTuple):
    """A place in a log's frames: a partition, and an offset in it. The frame there may not be written yet."""

    partition: Partition
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePointer:
    """The place of a frame in the log."""

    topic: str
    partition: int
    offset: int

    @property
    def topic_partition(self) -> Partition:
        return Partition(self.topic, self.partition)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMeta:
    """A frame in the log without its picture. `appended_us`: when the log took it. `error`: why there is no picture to decode,
    either because the source had none or because the log did not take it; the frame becomes a `failed` event. `origin`: as in
    Frame, as long as the log knows it."""

    key: FrameKey
    pointer: FramePointer
    captured_us: int
    received_us: int
    appended_us: int
    clock: CaptureClock
    content_type: str
    keyframe: bool
    width: int
    height: int
    payload_bytes: int
    traceparent: str
    error: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """A frame read from the log. `payload` is borrowed memory of the log, valid while referenced; None when the log has lost it
    (bad checksum), and the frame becomes `failed(lost_data)`. `tenure`: the number of the tenure under which it was read; 0 when it
    was not read by a group's member."""

    meta: FrameMeta
    payload: memoryview | None
    tenure: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPicture:
    """A frame in the log whose picture can no longer be read. `reason` names the file and what is wrong with it."""

    key: FrameKey
    pointer: FramePointer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedObject:
    """One box. `box`: (x1, y1, x2, y2) in source pixels. `confidence`: 0–1. `track_id`: the same number for the same object in the
    frames of one stream and epoch, from 1; None where the stream is not tracked, and for a weak box that continues no track."""

    label: str
    label_id: int
    confidence: float
    box: tuple[float, float, float, float]
    track_id: int | None = None

    @property
    def shown(self) -> str:
        """The object in one word or two, as `person 0.87`, or `person #7 0.87` where it has a track."""
        track = "" if self.track_id is None else f"#{self.track_id} "
        return f"{self.label} {track}{self.confidence:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    name: str
    version: str
    sha256: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTimings:
    """The times of one batch, microseconds by stage; the same for all its pictures."""

    batch_size: int = 0
    preprocess_us: int = 0
    infer_us: int = 0
    postprocess_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detections:
    """A detector's findings in one picture, best first. `boxes`: float32 [N, 4], x1, y1, x2, y2 in source pixels; `scores`: float32
    [N], 0–1; `label_ids`: int32 [N]. `error`: reason of a `failed` event, without boxes; else empty."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    label_ids: NDArray[np.int32]
    error: str = ""
    timings: BatchTimings = BatchTimings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The outcome of exactly one frame in one lane. Readers ignore fields they do not know, so added fields keep `schema_version`.
    `reason` is empty when detected. `stages_ms`: milliseconds by stage. `writer` names the worker incarnation. `attempts`: how
    often the frame was tried, if that is known to be more than once. `last_track_id`: the largest track id that the stream and
    epoch have given so far; None where the stream is not tracked."""

    schema_version: int = SCHEMA_VERSION
    event_id: str
    lane: str
    outcome: Outcome
    reason: str = ""
    stream: str
    epoch: int
    seq: int
    captured_at: str
    received_at: str
    clock: CaptureClock
    width: int
    height: int
    frame: FramePointer
    writer: str
    model: ModelInfo | None = None
    objects: list[DetectedObject] = field(default_factory=list)
    stages_ms: dict[str, float] = field(default_factory=dict)
    trace_id: str = ""
    attempts: int = 1
    last_track_id: int | None = None

    @property
    def key(self) -> FrameKey:
        return FrameKey(self.stream, self.epoch, self.seq)

    def to_supervision(self) -> SupervisionArguments:
        """Return the objects as `supervision.Detections(**event.to_supervision())` takes them, a row per object in their order.
        Needs no supervision itself. Of tracked and untracked objects together the untracked ones have the track -1."""
        return supervision_arguments(self.objects)

    def to_coco(self, image_id: int) -> list[CocoAnnotation]:
        """Return the objects as COCO's results have them, with `bbox` as x, y, width and height in source pixels, and the label id
        as the category. `image_id`: the picture's number in your data set."""
        return coco_annotations(self.objects, image_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event read from the log, with its place there. `raw` is the JSON as stored. Offsets rise per partition."""

    event: Event
    raw: bytes
    offset: int
    appended_us: int
    partition: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A frame or other record in which no objects could be looked for. `id`: that of the `failed` event, or the record's place if
    it was no frame. `attempts`: how often it was tried. `record`: where the original lies. `event`: the failed event, None if the
    record was no frame."""

    id: str
    reason: str
    attempts: int
    record: FramePointer
    event: Event | None = None

    @classmethod
    def of_event(cls, event: Event) -> DeadLetter:
        return cls(id=event.event_id, reason=event.reason, attempts=event.attempts, record=event.frame, event=event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Frames known to be missing: a range of offsets of one partition (retention) and, per stream, of seqs, with both ends
    included. Frames that never came into the log, as their spool dropped them, have no offsets: `last_offset` is below
    `first_offset`. `reason`: `retention`, `spool-full`, `spool-age` or `spool-lost`."""

    reason: str
    topic: str = ""
    partition: int
    first_offset: int
    last_offset: int
    stream: str = ""
    epoch: int = 0
    first_seq: int = 0
    last_seq: int = 0

    @property
    def topic_partition(self) -> Partition:
        return Partition(self.topic, self.partition)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLag:
    """The lag of a group in one partition. `end`: the next offset to be written. `committed`: the next offset the group will read;
    None if it has read nothing, and it then begins at the oldest frame. `messages`: how many lie between there and the end, without
    those that retention removed. `seconds`: the age of the oldest of them, None when there is none. `owner`: the group's member
    that reads the partition, empty when nobody does."""

    topic: str
    partition: int
    end: int
    committed: int | None
    messages: int
    seconds: float | None
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """The state in which a stream's writer continues. `next_seq` 0 starts an epoch. `pass_index` counts passes over a finite source
    from 0. `done`: this run has finished the source already, so there is nothing to append. `replaced`: the last pass was
    interrupted, and the source has been replaced since."""

    stream: str
    epoch: int
    next_seq: int
    pass_index: int = 0
    done: bool = False
    replaced: bool = False
