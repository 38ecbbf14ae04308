"""Finds the running pipelines of this user, and asks them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from framehop import _core
from framehop.budgets import ANSWER_S
from framehop.config.environment import runtime_parents
from framehop.errors import ProcessError, SystemCallError
from framehop.pipeline.control_plane.requests import (
    DESCRIPTORS,
    LARGEST_PUBLICATION,
    LARGEST_REQUEST,
    PUBLICATION,
    SOCKET,
    Answer,
    Kind,
    PipelineReport,
    Publication,
    Refusal,
    Request,
    RingsReport,
    RingsRequest,
    StatusRequest,
    StreamRequest,
    StreamsReport,
    SwapLook,
    SwapRequest,
    encode,
)
from framehop.pipeline.supervisor.model_swaps import SwapReport

_T = TypeVar("_T")

_answers = msgspec.json.Decoder(Answer)
_publications = msgspec.json.Decoder(Publication)


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
