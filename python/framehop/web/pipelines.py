"""What the pipelines of this host that work on the page's log say of themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from framehop.errors import ProcessError
from framehop.log import LogAt
from framehop.pipeline.control_plane import (
    PipelineReport,
    Publication,
    PublishedPipeline,
    StreamsRequest,
    ask_status,
    ask_streams,
    published,
)
from framehop.pipeline.supervisor.roster import StreamStatus

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipelines:
    """The reports of those that answered. `unanswered`: why the others did not."""

    reports: tuple[PipelineReport, ...] = ()
    unanswered: tuple[str, ...] = ()


def look_at_pipelines(at: LogAt) -> Pipelines:
    """Ask each of this user's pipelines on this log for its state. One that does not answer takes three seconds."""
    reports, unanswered = _answers(_of(at), ask_status)
    return Pipelines(reports=tuple(reports), unanswered=tuple(unanswered))


def look_at_streams(at: LogAt) -> list[StreamStatus]:
    """Ask those that read sources for their streams alone. That is quick: nobody has to look at the log for it."""
    readers = [found for found in _of(at) if found.publication.kind != "detect"]
    answers, _ = _answers(readers, lambda found: ask_streams(found, StreamsRequest()))
    return [status for answer in answers for status in answer.streams]


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


def _of(at: LogAt) -> Iterator[PublishedPipeline]:
    return (found for found in published() if _is_of(found.publication, at))


def _is_of(said: Publication, at: LogAt) -> bool:
    if at.is_kafka:
        return said.log == at.url
    with contextlib.suppress(OSError):
        return _place(said).samefile(at.url)
    return False


def _place(said: Publication) -> Path:
    """Return the directory of a pipeline's log, which may be named relative to where the pipeline was started."""
    path = Path(said.log)
    return path if path.is_absolute() else Path(f"/proc/{said.pid}/cwd").readlink() / path


def works(reports: Iterable[PipelineReport]) -> list[PipelineReport]:
    """Return those that detect."""
    return [report for report in reports if report.publication.kind != "ingest"]
