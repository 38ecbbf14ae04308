"""The words of the supervisor and ingest about sources: orders one way, news the other."""

from __future__ import annotations

from typing import Literal

import msgspec

from framehop.policies import Policy
from framehop.sources import DEFAULT_CODEC, STALL_S, Codec, without_secrets
from framehop.tracked import Track

MAX_LAST_ERROR = 200  # bytes; messages between processes are bounded

Phase = Literal["waiting", "opening", "running", "retrying", "paused", "ended", "failed"]


class SourceTraits(msgspec.Struct, frozen=True, tag="source_traits"):
    """The traits of a stream's source that workers have to know. `live`: it has no end, so its frames are of no use when they are
    old. `policy`, `track`: the stream's own; None where the patterns of DetectOptions decide."""

    stream: str
    live: bool = False
    policy: Policy | None = None
    track: Track | None = None


class SourceOrder(msgspec.Struct, frozen=True):
    """One source that ingest is to read into `stream`. `source`: as the user wrote it, without a name. `codec`: how films go into
    the log. `since_us`: when it was asked for. This tells it from another order for the same stream, and a restarted ingest process
    does not repeat passes finished since then. `live`: it has no end. `stall_s`: as in SourceOptions. `track`: as in
    SourceTraits. `labels`: as for FrameWriter.open_stream."""

    stream: str
    source: str
    rate: str
    loop: int
    since_us: int
    codec: Codec = DEFAULT_CODEC
    live: bool = False
    stall_s: float = STALL_S
    track: Track | None = None
    labels: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"SourceOrder(stream={self.stream!r}, source={without_secrets(self.source)!r}, since_us={self.since_us})"


class AddSource(msgspec.Struct, frozen=True, tag="add_source"):
    """Read this source too."""

    order: SourceOrder


class RemoveSource(msgspec.Struct, frozen=True, tag="remove_source"):
    """Stop reading this source, and give up its stream once what was read is in the log."""

    order: SourceOrder


class SourceHealth(msgspec.Struct, frozen=True):
    """The health of a source, which ingest knows beside its phase. Times are microseconds since 1970, 0 where there is none yet.

    `phase_since_us`: when the phase began. `fps`: measured over the last seconds, `declared_fps`: as the source says. `bytes`:
    handed to the log. `reconnects`: successful ones. `next_try_us`: when a source that is `retrying` is tried again. `last_error`:
    why it was away last, also once it is back; one line of at most MAX_LAST_ERROR bytes. `clock`: whose clock gave the last frame
    its capture time, `camera` or `ingest`. `doubt`: why the camera's own is not believed.
    """

    phase_since_us: int = 0
    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    declared_fps: float = 0.0
    last_frame_us: int = 0
    reconnects: int = 0
    bytes: int = 0
    next_try_us: int = 0
    last_error: str = ""
    clock: str = ""
    doubt: str = ""


class SourceNews(msgspec.Struct, frozen=True):
    """The state of one source of ingest. `appended` and `acked` count frames since the process began with the source."""

    stream: str
    since_us: int
    phase: Phase
    appended: int = 0
    acked: int = 0
    error: str = ""
    health: SourceHealth = SourceHealth()


class News(msgspec.Struct, frozen=True, tag="news"):
    """The states of those sources whose state has changed."""

    sources: list[SourceNews]
