"""Puts together the figures of the last minute."""

from __future__ import annotations

from collections.abc import Iterable

from framehop.pipeline.control_plane.requests import PipelineReport
from framehop.pipeline.look import Look
from framehop.timing import now_us
from framehop.types import Gap, PartitionLag
from framehop.web.answers import Figures, GapRow, ReasonCount, System
from framehop.web.desk import Desk
from framehop.web.figures import SECONDS

MAX_REASONS = 20
MAX_GAPS = 50


def system_of(desk: Desk, lag: Look[list[PartitionLag]], patience_s: float) -> System:
    """Return the pipelines and the figures; waits up to `patience_s` for each of two looks."""
    reports = desk.pipelines.latest(patience_s).value.reports
    partitions = lag.latest(patience_s).value
    now = now_us()
    with desk.live.lock:
        of = desk.live.figures
        outcomes, reasons, stages, batches = of.outcomes(now), of.reasons(now), of.stages(now), of.batches(now)
    figures = Figures(
        frames_per_s_in=frames_in(reports) or round(desk.ends.per_s, 3),
        frames_per_s_out=round(outcomes.total() / SECONDS, 3),
        lag_messages=sum(partition.messages for partition in partitions),
        lag_seconds=lag_seconds(partitions),
        outcomes={name: outcomes.get(name, 0) for name in ("detected", "failed", "skipped")},
        reasons=[
            ReasonCount(outcome=outcome, reason=reason, count=count)
            for (outcome, reason), count in reasons.most_common(MAX_REASONS)
        ],
        stages_ms=stages,
        batch_sizes={str(size): count for size, count in sorted(batches.items())},
        gaps=[_row(gap) for gap in desk.gaps.latest().value[-MAX_GAPS:]],
    )
    return System(pipelines=list(reports), figures=figures, now_us=now)


def frames_in(reports: Iterable[PipelineReport]) -> float:
    """Return the frames per second that this host's sources give."""
    return round(sum(status.health.fps for report in reports for status in report.streams), 3)


def lag_seconds(partitions: Iterable[PartitionLag]) -> float:
    """Return how far the partition is behind that is furthest behind."""
    return max((partition.seconds or 0.0 for partition in partitions), default=0.0)


def _row(gap: Gap) -> GapRow:
    return GapRow(
        topic=gap.topic,
        partition=gap.partition,
        first_offset=gap.first_offset,
        last_offset=gap.last_offset,
        reason=gap.reason,
        stream=gap.stream,
    )
