"""Says whether the pipeline behind a log is ready, for whoever sends it work or restarts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from framehop.pipeline.control_plane.requests import PipelineReport
from framehop.pipeline.look import LastLook, Look
from framehop.pipeline.supervisor.status import starting
from framehop.types import PartitionLag
from framehop.web.desk import Desk
from framehop.web.pipelines import works
from framehop.web.system import lag_seconds

T = TypeVar("T")

MOST_LAG_S = 60.0
OLDEST_S = 60.0  # of what was seen: what is older says nothing of now


def problems(desk: Desk, lag: Look[list[PartitionLag]], patience_s: float) -> list[str]:
    """Return a sentence for each thing that is not as it should be; none when all is ready."""
    if desk.error:
        return [f"The log cannot be read: {desk.error}"]
    pipelines, seen = desk.pipelines.latest(patience_s), lag.latest(patience_s)
    if unknown := _unknown(pipelines):
        return [f"The pipelines of this host are not known: {unknown}"]
    found = [f"A pipeline does not answer: {error}" for error in pipelines.value.unanswered]
    found += _of_pipelines(works(pipelines.value.reports))
    if unknown := _unknown(seen):
        return [*found, f"The lag is not known: {unknown}"]
    return [*found, *_of_lag(seen.value)]


def _unknown(seen: LastLook[T]) -> str:
    """Return why what was seen says nothing of now; empty if it does."""
    if seen.error or seen.age_s is None:
        return seen.error or "no answer has come yet"
    return f"the last answer is {seen.age_s:.0f} s old" if seen.age_s > OLDEST_S else ""


def _of_pipelines(reports: Iterable[PipelineReport]) -> Iterator[str]:
    for report in reports:
        pid = report.publication.pid
        if report.stopping:
            yield f"Pipeline {pid} is ending."
        if not report.models:
            yield f"Pipeline {pid} has no model loaded yet."
        for process in report.processes:
            if not process.ready:
                doing = "ended" if process.pid is None else starting(process)
                yield f"Process {process.name} of pipeline {pid} is not ready: {doing}."


def _of_lag(partitions: list[PartitionLag]) -> Iterator[str]:
    nobodys = sum(not partition.owner for partition in partitions)
    if nobodys:
        yield f"{nobodys} of {len(partitions)} partitions are read by nobody: start framehop detect, or wait for it."
    if (behind_s := lag_seconds(partitions)) > MOST_LAG_S:
        yield f"Detection is {behind_s:.0f} s behind, more than {MOST_LAG_S:.0f} s: see docs/policies.md."
