"""demo: four streams at once through the whole pipeline, a video wall, and a report on one screen."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress
from rich.table import Table

from framehop.cli import options
from framehop.cli.commands import end_if_interrupted
from framehop.cli.output import console, note, out
from framehop.cli.read import print_audit
from framehop.cli.work import StatusLine, print_summary
from framehop.config import DetectOptions
from framehop.errors import ConfigError
from framehop.log import LogAt
from framehop.pipeline.audit import audit
from framehop.pipeline.control import IngestSettings
from framehop.pipeline.session import Session
from framehop.pipeline.stop import stop_on_signals
from framehop.protocols import FrameLog
from framehop.sources.demo import demo_sources
from framehop.types import parse_rfc3339

MARKER = ".framehop-demo"
STAGES = ("append", "log", "decode", "hop", "wait", "preprocess", "infer", "postprocess", "total")


@dataclass(slots=True)
class _Tally:
    """What the report needs of the events."""

    frames: int = 0
    objects: Counter[str] = field(default_factory=Counter)
    stages: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    began_us: int = 0
    ended_us: int = 0


def demo(
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where the demo puts its log and its video.")
    ] = Path("framehop-demo"),
    verbose: options.Verbose = 0,
) -> None:
    """Detect objects in four streams at once, audit the log, and write a video wall with the boxes. Takes about half a minute."""
    sources = demo_sources()
    from framehop.sinks.wall import wall  # the other commands do without the extra `video`

    directory = directory.absolute()
    _start_afresh(directory)
    at = LogAt.of(directory / "log")
    texts = [f"{spec.stream}={spec.source}" for spec in sources]
    note(f"four streams at their own pace: {', '.join(spec.stream for spec in sources)}")
    with StatusLine() as line, stop_on_signals() as stop:
        ingest = IngestSettings(log=at, sources=texts, rate="realtime", loop=1)
        summary = Session(at, DetectOptions(), ingest=ingest, on_status=line.update).run(stop)
    if stop.requested:
        print_summary(summary, stopped=True)
        end_if_interrupted(stop)
        raise typer.Exit(1)
    with at.open(create=False) as log:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("drawing the wall", total=None)
            wall(
                log,
                [spec.stream for spec in sources],
                directory / "wall.mp4",
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        _print_report(_tally(log))
        report = audit(log)
    print_audit(report)
    _print_next(directory, at.url)
    if not report.ok:
        raise typer.Exit(1)


def _start_afresh(directory: Path) -> None:
    """Delete the demo before; anything else is left alone."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARKER).is_file():
            raise ConfigError(f"{directory} was not made by the demo and is not deleted: move it away, or use --dir")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).write_text("made by framehop demo, which deletes this directory when it runs again\n")


def _tally(log: FrameLog) -> _Tally:
    tally = _Tally()
    with log.events() as reader:
        for record in reader:
            tally.frames += 1
            tally.objects.update(found.label for found in record.event.objects)
            received_us = parse_rfc3339(record.event.received_at)
            tally.began_us = min(tally.began_us or received_us, received_us)
            tally.ended_us = max(tally.ended_us, record.appended_us)
            for stage in STAGES:
                if stage in record.event.stages_ms:
                    tally.stages[stage].append(record.event.stages_ms[stage])
    return tally


def _print_report(tally: _Tally) -> None:
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
    out.print(f"objects: {objects or 'none'}\n", markup=False)


def _print_next(directory: Path, log_path: str) -> None:
    out.print(f"\nvideo wall: {directory / 'wall.mp4'}\nnext:", soft_wrap=True)
    for command in (
        f"framehop tail --log {log_path} --from beginning --no-follow",
        f"framehop annotate --log {log_path} --stream bikes {directory / 'bikes.mp4'}",
        f"framehop audit --log {log_path}",
        "framehop run YOUR.mp4",
    ):
        out.print(f"  {command}", soft_wrap=True, markup=False)
