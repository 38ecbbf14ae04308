"""The requests to a running pipeline and its answers. Each pipeline has a directory with a file and a socket.

The directory belongs to the supervisor, has mode 0700, and is removed with it. `pipeline.json` in it names the process;
`control.sock` takes one JSON request per message and answers each with one JSON message, over ZeroMQ's request-reply.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from framehop.errors import ProcessError
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.supervisor.model_swaps import SwapReport
from framehop.pipeline.supervisor.status import ProcessStatus, Status
from framehop.sources import DEFAULT_CODEC, Codec, SourceSpec
from framehop.types import ModelInfo, PartitionLag

Kind = Literal["pipeline", "detect", "ingest"]

PUBLICATION = "pipeline.json"
SOCKET = "control.sock"
LARGEST_REQUEST = 1 << 16
LARGEST_PUBLICATION = 1 << 16
DESCRIPTORS = 16  # libzmq's for one question; it aborts a process that has none left


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `pipeline.json`. `started_us`: microseconds since 1970. `kind`: a `pipeline` reads sources and detects, a
    `detect` reads no sources, an `ingest` does not detect, and has no lane."""

    pid: int
    started_us: int
    log: str
    lane: str
    version: str
    kind: Kind = "pipeline"


class StatusRequest(msgspec.Struct, frozen=True, tag="status"):
    """A request for a PipelineReport."""


class SwapRequest(msgspec.Struct, frozen=True, tag="swap"):
    """A request for another model in all detectors, by a built-in name or an absolute path. It is answered at once by a SwapReport,
    whose number a SwapLook names."""

    model: str


class SwapLook(msgspec.Struct, frozen=True, tag="swap_look"):
    """A request for the SwapReport of a swap."""

    number: int


class StreamsRequest(msgspec.Struct, frozen=True, tag="streams"):
    """A request for a StreamsReport of all streams that are read."""


class RingsRequest(msgspec.Struct, frozen=True, tag="rings"):
    """A request for a RingsReport."""


class AddStreams(msgspec.Struct, frozen=True, tag="add_streams"):
    """A request to read these sources too, answered by a StreamsReport of them. Their paths are absolute. The rest is as in the
    options of `framehop ingest`."""

    sources: list[SourceSpec]
    rate: str = "realtime"
    loop: int = 1
    codec: Codec = DEFAULT_CODEC


class ChangeStreams(msgspec.Struct, frozen=True, tag="change_streams"):
    """A request to change how these streams are read, answered by a StreamsReport of them; of those removed, as they were."""

    change: Change
    streams: list[str]


Change = Literal["remove", "pause", "resume"]
StreamRequest = StreamsRequest | AddStreams | ChangeStreams
Request = StatusRequest | SwapRequest | SwapLook | RingsRequest | StreamRequest


class Refusal(msgspec.Struct, frozen=True, tag="refused"):
    """The request is not understood, or cannot be done; `error` says why."""

    error: str


class RingReport(msgspec.Struct, frozen=True, kw_only=True):
    """The slots of one worker's ring, and how many of them hold a picture or wait for one to be read. `path`: its socket, for taps
    of your own."""

    worker: str
    slots: int
    used: int
    path: str = ""


class PipelineReport(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """A running pipeline at one moment. `events_per_s`: over the last ten seconds. `lag`: by partition, as the log reported it
    `lag_age_s` seconds ago (None while it has not answered; `lag_error` says why). `members`: each worker's name in the log's
    group; `lag` names the owners by these. `models`: what each detector runs, by the process's name; `model` is the first of them.
    `swap`: the one that is under way."""

    publication: Publication
    stopping: bool
    counters: Status
    events_per_s: float
    processes: list[ProcessStatus]
    streams: list[StreamStatus]
    rings: list[RingReport]
    members: dict[str, str]
    model: ModelInfo | None = None
    models: dict[str, ModelInfo] = {}
    swap: SwapReport | None = None
    lag: list[PartitionLag] = msgspec.field(default_factory=list)
    lag_age_s: float | None = None
    lag_error: str = ""


class RingsReport(msgspec.Struct, frozen=True, kw_only=True, tag="rings_report"):
    """The addresses to which a tap attaches: `rings` are the sockets of the workers' rings, whose notices are beside them
    (`taps/notices.py`)."""

    publication: Publication
    rings: list[str]


class StreamsReport(msgspec.Struct, frozen=True, kw_only=True, tag="streams_report"):
    """Streams of a running pipeline at one moment."""

    publication: Publication
    streams: list[StreamStatus]


Answer = PipelineReport | SwapReport | RingsReport | StreamsReport | Refusal

_encoder = msgspec.json.Encoder()
_requests = msgspec.json.Decoder(Request)


def encode(message: Request | Answer | Publication) -> bytes:
    return _encoder.encode(message)


def parse_request(data: bytes) -> Request:
    """Parse a request. Raises ProcessError."""
    try:
        request: Request = _requests.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProcessError(f"this request is not understood: {error}") from error
    return request
