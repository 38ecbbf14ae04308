"""The answers of the API, as JSON. Times are microseconds since 1970; 0 is none."""

from __future__ import annotations

import msgspec

from framehop.pipeline.control_plane.requests import PipelineReport
from framehop.types import PartitionLag
from framehop.web.figures import Percentiles


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer in JSON; each kind is a struct below."""


class Failure(Answer, frozen=True, kw_only=True):
    """The reason why there is no answer, and what to do."""

    error: str


class IndexState(Answer, frozen=True, kw_only=True):
    """The index of events, from which pages are read. `error`: why it takes no events now."""

    events: int
    oldest_us: int
    newest_us: int
    catching_up: bool
    error: str = ""


class Session(Answer, frozen=True, kw_only=True):
    """Whom the page talks to. `log_error`: why the log cannot be read now; it is tried again by itself. `passed_over`: how many
    events the server could not read since its start, as a later version wrote them or they are damaged. `full`: so many follow
    already that no other can. Without a login only `authenticated` says something. `read_only`: this session may change nothing."""

    log: str
    version: str
    now_us: int
    read_only: bool
    authenticated: bool
    log_error: str
    passed_over: int
    full: bool
    index: IndexState


class Login(Answer, frozen=True, kw_only=True):
    """The body of a login."""

    token: str


class StreamRow(Answer, frozen=True, kw_only=True):
    """One stream. `state`: as `framehop stream list` says it, or `seen` if only its events are known. `stalled`: it should be
    giving frames and gives none, or they fail; `reason` says why. `events`, `failed`, `skipped`: since the page began to look.
    `frames`, `bytes`, `reconnects`: of the ingest that reads it."""

    stream: str
    state: str
    stalled: bool
    reason: str
    since_us: int
    source: str
    codec: str
    width: int
    height: int
    fps: float
    declared_fps: float
    last_frame_us: int
    last_event_us: int
    frames: int
    bytes: int
    reconnects: int
    error: str
    next_try_us: int
    last_event: msgspec.Raw
    events_per_s: float
    failed: int
    skipped: int


class StreamList(Answer, frozen=True, kw_only=True):
    streams: list[StreamRow]
    now_us: int


class StreamChanges(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The news for clients that follow the streams. `streams`: fields of a StreamRow, each with `stream`: all of them if they are
    new to the client, else those that have changed. The last event is short: `event_id`, `outcome`, `reason`, `received_at`.
    `whole`: these are all streams, and what was told before holds no more. `gone`: streams that are no longer known."""

    now_us: int
    streams: list[dict[str, object]]
    whole: bool = False
    gone: list[str] = []


class EventPage(Answer, frozen=True, kw_only=True):
    """Events, the newest first. `next_cursor`: of the next page, None at the end."""

    events: list[msgspec.Raw]
    next_cursor: str | None


class Choices(Answer, frozen=True, kw_only=True):
    """The values by which events can be filtered: those that were seen, at most 500 of each kind."""

    labels: list[str]
    streams: list[str]
    lanes: list[str]
    outcomes: list[str]


class LagAnswer(Answer, frozen=True, kw_only=True):
    """The distance by which detection is behind. `error`: why there is nothing newer."""

    partitions: list[PartitionLag]
    error: str


class ReasonCount(Answer, frozen=True, kw_only=True):
    outcome: str
    reason: str
    count: int


class GapRow(Answer, frozen=True, kw_only=True):
    """Frames known to be missing: offsets of a partition, both ends included."""

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    reason: str
    stream: str


class Figures(Answer, frozen=True, kw_only=True):
    """The last 60 s. `stages_ms`: how long frames took, by stage. `batch_sizes`: frames by the size of their batch."""

    frames_per_s_in: float
    frames_per_s_out: float
    lag_messages: int
    lag_seconds: float
    outcomes: dict[str, int]
    reasons: list[ReasonCount]
    stages_ms: dict[str, Percentiles]
    batch_sizes: dict[str, int]
    gaps: list[GapRow]


class System(Answer, frozen=True, kw_only=True):
    """The pipelines of this host that work on the log, as `framehop status --json` shows them, and the figures of the log."""

    pipelines: list[PipelineReport]
    figures: Figures
    now_us: int


class NewEvents(Answer, frozen=True, kw_only=True):
    """New events, the oldest first. `dropped`: how many were left out before them, as they were not read in time."""

    events: list[msgspec.Raw]
    dropped: int = 0


class UnitHead(Answer, frozen=True, kw_only=True):
    """One access unit of a film. `offset`: its place in the log, by which the next ones are asked for."""

    epoch: int
    seq: int
    offset: int
    keyframe: bool
    bytes: int


class UnitList(Answer, frozen=True, kw_only=True):
    """The list of the units that follow, in the order in which they are decoded."""

    units: list[UnitHead]


NONE = msgspec.Raw(b"null")
