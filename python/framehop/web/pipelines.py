"""What the pipelines of this host that work on the page's log say of themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from framehop.errors import ProcessError
from framehop.log import LogAt
from framehop.pipeline.control_plane import PipelineReport, Publication, ask_status, published


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipelines:
    """The reports of those that answered. `unanswered`: why the others did not, by process."""

    reports: tuple[PipelineReport, ...] = ()
    unanswered: tuple[str, ...] = ()


def look_at_pipelines(at: LogAt) -> Pipelines:
    """Ask each of this user's pipelines on this log for its state. One that does not answer takes three seconds."""
    reports, unanswered = [], []
    for found in published():
        if not _is_of(found.publication, at):
            continue
        try:
            reports.append(ask_status(found))
        except ProcessError as error:
            if found.directory.exists():  # otherwise it has just ended
                unanswered.append(str(error))
    return Pipelines(reports=tuple(reports), unanswered=tuple(unanswered))


def _is_of(said: Publication, at: LogAt) -> bool:
    if at.is_kafka:
        return said.log == at.url
    with contextlib.suppress(OSError):
        return Path(_place(said)).samefile(at.url)
    return False


def _place(said: Publication) -> Path:
    """Return the directory of a pipeline's log, which may be named relative to where the pipeline was started."""
    path = Path(said.log)
    return path if path.is_absolute() else Path(f"/proc/{said.pid}/cwd").readlink() / path


def works(reports: Iterable[PipelineReport]) -> list[PipelineReport]:
    """Return those that detect."""
    return [report for report in reports if report.publication.kind != "ingest"]
