"""The demo's final report: frames, times by stage, objects, and what to type next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.table import Table

from framehop.cli.invocation import command, typed
from framehop.cli.object_counts import object_count_lines
from framehop.cli.output import out
from framehop.pipeline.object_counts import ByStream, ObjectCount, add
from framehop.protocols import EventLog
from framehop.types import parse_rfc3339

STAGES = ("append", "log", "decode", "hop", "wait", "preprocess", "infer", "postprocess", "total")

BIKES = (
    "  (bikes is a film of short cuts, some blurred, some of a roof from above; the others pan over one picture each)"
)


@dataclass(slots=True)
class DemoTally:
    """The part of the events that the report needs."""

    frames: int = 0
    objects: Counter[str] = field(default_factory=Counter)
    found: ByStream = field(default_factory=dict)
    stages: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    began_us: int = 0
    ended_us: int = 0

    @classmethod
    def of(cls, log: EventLog) -> DemoTally:
        tally = cls()
        with log.events() as reader:
            for record in reader:
                tally.frames += 1
                tally.objects.update(found.label for found in record.event.objects)
                add(tally.found, record.event.stream, ObjectCount(1, int(bool(record.event.objects))))
                received_us = parse_rfc3339(record.event.received_at)
                tally.began_us = min(tally.began_us or received_us, received_us)
                tally.ended_us = max(tally.ended_us, record.appended_us)
                for stage in STAGES:
                    if stage in record.event.stages_ms:
                        tally.stages[stage].append(record.event.stages_ms[stage])
        return tally


def print_report(tally: DemoTally) -> None:
    seconds = max(1e-6, (tally.ended_us - tally.began_us) / 1e6)
    out.print(f"\n[bold]{tally.frames} frames[/] in {seconds:.1f} s, {tally.frames / seconds:.1f} frames/s")
    table = Table(box=None, header_style="bold")
    for title in ("stage", "p50 ms", "p90 ms", "p99 ms", "max ms"):
        table.add_column(title, justify="left" if title == "stage" else "right", no_wrap=True)
    for stage, times in tally.stages.items():
        if times:
            table.add_row(stage, *(f"{value:.2f}" for value in (*np.percentile(times, [50, 90, 99]), max(times))))
    out.print(table)
    objects = ", ".join(f"{label} {count}" for label, count in tally.objects.most_common(8))
    out.print(f"objects: {objects or 'none'}", markup=False)
    for line in object_count_lines(tally.found):
        out.print(f"  {line}", markup=False)
    out.print(f"{BIKES}\n", markup=False)


def print_next(directory: Path) -> None:
    """Print lines that can be copied into the shell that started the demo."""
    out.print(f"\nvideo wall: {typed(directory / 'wall.mp4')}\nnext:", soft_wrap=True, markup=False)
    framehop, log = command(), typed(directory / "log")
    for line in (
        f"{framehop} tail --log {log} --from beginning --no-follow",
        f"{framehop} annotate --log {log} --stream bikes {typed(directory / 'bikes.mp4')}",
        f"{framehop} audit --log {log}",
        f"{framehop} ui --log {log}",
        f"{framehop} run YOUR.mp4",
    ):
        out.print(f"  {line}", soft_wrap=True, markup=False)
