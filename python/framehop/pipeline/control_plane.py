"""Finds the running pipelines and asks them: each has a directory with a file and a socket.

The directory belongs to the supervisor, has mode 0700, and is removed with it. `pipeline.json` in it names the process;
`control.sock` takes one JSON request per message and answers each with one JSON message, over ZeroMQ's request-reply.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from framehop import _core
from framehop.budgets import ANSWER_S
from framehop.config import runtime_parents
from framehop.errors import ProcessError, SystemCallError
from framehop.pipeline.streams.roster import StreamStatus
from framehop.pipeline.supervisor.model_swaps import SwapReport
from framehop.pipeline.supervisor.status import ProcessStatus, Status
from framehop.sources import DEFAULT_CODEC, Codec, SourceSpec
from framehop.types import ModelInfo, PartitionLag

_T = TypeVar("_T")

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
    (`notices.py`)."""

    publication: Publication
    rings: list[str]


class StreamsReport(msgspec.Struct, frozen=True, kw_only=True, tag="streams_report"):
    """Streams of a running pipeline at one moment."""

    publication: Publication
    streams: list[StreamStatus]


Answer = PipelineReport | SwapReport | RingsReport | StreamsReport | Refusal

_encoder = msgspec.json.Encoder()
_requests = msgspec.json.Decoder(Request)
_answers = msgspec.json.Decoder(Answer)
_publications = msgspec.json.Decoder(Publication)


def encode(message: Request | Answer | Publication) -> bytes:
    return _encoder.encode(message)


def parse_request(data: bytes) -> Request:
    """Parse a request. Raises ProcessError."""
    try:
        request: Request = _requests.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProcessError(f"this request is not understood: {error}") from error
    return request


# ---- the asking side


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPipeline:
    """A pipeline of this user, with its directory."""

    directory: Path
    publication: Publication = field(repr=False)


def published() -> Iterator[PublishedPipeline]:
    """Iterate this user's pipelines on this machine, oldest first. Directories of no pipeline, or of one that ends, are skipped."""
    found = [
        PublishedPipeline(directory=directory, publication=publication)
        for parent in runtime_parents()
        for directory in parent.glob("framehop-*")
        if (publication := _read(directory)) is not None
    ]
    yield from sorted(found, key=lambda one: one.publication.started_us)


def the_pipeline(name: str, kinds: Collection[Kind]) -> PublishedPipeline:
    """Return the pipeline of that process number or lane. If `name` is empty, return the only one, or the only one of these kinds.
    Raises ProcessError that lists those of this user."""
    there = list(published())
    fitting = [one for one in there if name in ("", str(one.publication.pid), one.publication.lane)]
    if len(fitting) > 1:
        fitting = [one for one in fitting if one.publication.kind in kinds] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if not there:
        raise ProcessError(
            "no pipeline of yours runs on this machine: framehop run, framehop ingest and framehop detect start one"
        )
    listed = ", ".join(_shown(one.publication) for one in fitting or there)
    what = "several pipelines fit" if fitting else f"no pipeline is {name[:128]!r}"
    raise ProcessError(f"{what}: name one by --pipeline with its process or lane: {listed}")


def _shown(said: Publication) -> str:
    return f"{said.pid} ({'ingest into' if said.kind == 'ingest' else f'lane {said.lane} of'} {said.log})"


def _read(directory: Path) -> Publication | None:
    try:
        status = directory.lstat()
        private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
        if not private:
            return None
        with (directory / PUBLICATION).open("rb") as file:
            return _publications.decode(file.read(LARGEST_PUBLICATION))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def ask_status(found: PublishedPipeline) -> PipelineReport:
    """Return the pipeline's state. Raises ProcessError when there is no answer in time, or a refusal."""
    return _ask(found, StatusRequest(), PipelineReport, ANSWER_S)


def ask_swap(found: PublishedPipeline, request: SwapRequest | SwapLook, timeout_s: float = ANSWER_S) -> SwapReport:
    """Begin a swap, or look at one. Raises ProcessError when there is no answer in time, or a refusal."""
    return _ask(found, request, SwapReport, timeout_s)


def ask_rings(found: PublishedPipeline) -> RingsReport:
    """Return where the rings are. Raises ProcessError when there is no answer in time, or a refusal."""
    return _ask(found, RingsRequest(), RingsReport, ANSWER_S)


def ask_streams(found: PublishedPipeline, request: StreamRequest, timeout_s: float = ANSWER_S) -> StreamsReport:
    """Ask for streams, or have them changed. Raises ProcessError when there is no answer in time, or a refusal."""
    return _ask(found, request, StreamsReport, timeout_s)


def _encoded(request: Request) -> bytes:
    try:
        return encode(request)
    except UnicodeEncodeError as error:
        raise ProcessError(
            "a name in this request is not UTF-8: rename the file, or the folder that it is in"
        ) from error


def _ask(found: PublishedPipeline, request: Request, wanted: type[_T], timeout_s: float) -> _T:
    import zmq

    pid, message = found.publication.pid, _encoded(request)
    if len(message) > LARGEST_REQUEST:
        raise ProcessError(f"this is too much for one request, {len(message)} bytes: ask for it in parts")
    try:
        _core.need_descriptors(DESCRIPTORS, "a question to a pipeline")
    except SystemCallError as error:
        raise ProcessError(str(error)) from error
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.set(zmq.LINGER, 0)
        socket.connect(f"ipc://{found.directory / SOCKET}")
        socket.send(message)
        if not socket.poll(int(timeout_s * 1000)):
            raise ProcessError(
                f"process {pid} does not answer within {timeout_s:.0f} s: it may be stopped, or is just ending; "
                f"look at it with ps {pid}"
            )
        try:
            answer: Answer = _answers.decode(socket.recv())
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ProcessError(f"process {pid} gives an answer of another version of framehop: {error}") from error
    if isinstance(answer, wanted):
        return answer
    raise ProcessError(
        f"process {pid}: {answer.error if isinstance(answer, Refusal) else 'an answer to another question'}"
    )
