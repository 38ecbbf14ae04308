"""Says whether the pipeline behind a log is ready, for whoever sends it work or restarts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from framehop.pipeline.control_plane import PipelineReport
from framehop.types import PartitionLag
from framehop.web.desk import Desk
from framehop.web.look import Look
from framehop.web.pipelines import works
from framehop.web.system import lag_seconds

MOST_LAG_S = 60.0


def problems(desk: Desk, lag: Look[list[PartitionLag]], patience_s: float) -> list[str]:
    """Return a sentence for each thing that is not as it should be; none when all is ready."""
    if desk.error:
        return [f"The log cannot be read: {desk.error}"]
    pipelines, seen = desk.pipelines.latest(patience_s).value, lag.latest(patience_s)
    found = [f"A pipeline does not answer: {error}" for error in pipelines.unanswered]
    found += _of_pipelines(works(pipelines.reports))
    if seen.error or seen.age_s is None:
        return [*found, f"The lag is not known: {seen.error or 'the log has not answered yet'}"]
    return [*found, *_of_lag(seen.value)]


def _of_pipelines(reports: Iterable[PipelineReport]) -> Iterator[str]:
    for report in reports:
        pid = report.publication.pid
        if report.stopping:
            yield f"Pipeline {pid} is ending."
        if not report.models:
            yield f"Pipeline {pid} has no model loaded yet."
        for process in report.processes:
            if not process.ready:
                yield f"Process {process.name} of pipeline {pid} is not ready."


def _of_lag(partitions: list[PartitionLag]) -> Iterator[str]:
    nobodys = sum(not partition.owner for partition in partitions)
    if nobodys:
        yield f"{nobodys} of {len(partitions)} partitions are read by nobody: start framehop detect, or wait for it."
    if (behind_s := lag_seconds(partitions)) > MOST_LAG_S:
        yield f"Detection is {behind_s:.0f} s behind, more than {MOST_LAG_S:.0f} s: see docs/policies.md."
