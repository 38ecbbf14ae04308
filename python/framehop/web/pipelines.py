"""Asks the pipelines of this host that work on the page's log for their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from framehop.errors import ProcessError
from framehop.log import LogAt
from framehop.pipeline.control_plane.asking import PublishedPipeline, ask_status, ask_streams
from framehop.pipeline.control_plane.of_log import pipelines_of
from framehop.pipeline.control_plane.requests import ChangeStreams, PipelineReport, StreamsRequest
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.web.errors import ApiError

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipelines:
    """The reports of those that answered. `unanswered`: why the others did not."""

    reports: tuple[PipelineReport, ...] = ()
    unanswered: tuple[str, ...] = ()


def look_at_pipelines(at: LogAt) -> Pipelines:
    """Ask each of this user's pipelines on this log for its state. One that does not answer takes three seconds."""
    reports, unanswered = _answers(pipelines_of(at), ask_status)
    return Pipelines(reports=tuple(reports), unanswered=tuple(unanswered))


def look_at_streams(at: LogAt) -> list[StreamStatus]:
    """Ask those that read sources for their streams alone. That is quick: nobody has to look at the log for it."""
    readers = [found for found in pipelines_of(at) if found.publication.kind != "detect"]
    answers, _ = _answers(readers, lambda found: ask_streams(found, StreamsRequest()))
    return [status for answer in answers for status in answer.streams]


def change_stream(at: LogAt, stream: str, change: Literal["pause", "resume"]) -> None:
    """Have a stream paused or resumed by the pipeline of this host that reads it. Raises ApiError (404) if none does, and
    ProcessError."""
    readers = [found for found in pipelines_of(at) if found.publication.kind != "detect"]
    answers, unanswered = _answers(readers, lambda found: (found, ask_streams(found, StreamsRequest())))
    for found, answer in answers:
        if any(status.stream == stream for status in answer.streams):
            ask_streams(found, ChangeStreams(change=change, streams=[stream]))
            return
    if unanswered:
        raise ProcessError("; ".join(unanswered))
    raise ApiError(404, "no pipeline of yours on this host reads this stream: it can be changed only where it is read")


def _answers(
    pipelines: Iterable[PublishedPipeline], ask: Callable[[PublishedPipeline], _T]
) -> tuple[list[_T], list[str]]:
    answers, unanswered = [], []
    for found in pipelines:
        try:
            answers.append(ask(found))
        except ProcessError as error:
            if found.directory.exists():  # otherwise it has just ended
                unanswered.append(str(error))
    return answers, unanswered


def works(reports: Iterable[PipelineReport]) -> list[PipelineReport]:
    """Return the reports of pipelines that detect."""
    return [report for report in reports if report.publication.kind != "ingest"]
